"""How an original is written down: what was changed on the way is never taken for the text."""

from __future__ import annotations

import sys
import zlib

import pytest
from headroom.stores import packed
from headroom.stores.packed import Codec, Damaged, pack, unpack
from hypothesis import given
from hypothesis import strategies as st

NAME = bytes(range(16))
texts = st.one_of(st.text(max_size=400), st.text(min_size=1, max_size=20).map(lambda t: t * 200))
codecs: st.SearchStrategy[Codec] = st.sampled_from(["zlib", "zstd"])


@given(texts, codecs)
def test_round_trip(text: str, codec: Codec) -> None:
    entry = pack(text, NAME, codec)
    assert unpack(entry, NAME) == text
    assert len(entry) <= len(text.encode()) + packed.HEAD_BYTES
    with pytest.raises(Damaged):
        unpack(entry, NAME[::-1])


@given(texts, codecs, st.data())
def test_any_change_is_noticed(text: str, codec: Codec, data: st.DataObject) -> None:
    entry = bytearray(pack(text, NAME, codec))
    at = data.draw(st.integers(0, len(entry) - 1))
    change = data.draw(st.sampled_from(["cut", "flip", "insert", "append"]))
    if change == "cut":
        del entry[at:]
    elif change == "flip":
        entry[at] ^= data.draw(st.integers(1, 255))
    else:
        entry.insert(at if change == "insert" else len(entry), data.draw(st.integers(0, 255)))
    try:
        # A flipped bit that a codec ignores leaves the text whole; nothing else may come out.
        assert unpack(bytes(entry), NAME) == text
    except Damaged:
        return


@given(st.binary(max_size=200))
def test_any_bytes_are_a_text_or_damaged(entry: bytes) -> None:
    for head in (b"", b"\x01\x00", b"\x01\x01", b"\x01\x02"):
        with pytest.raises(Damaged):
            unpack(head + entry, NAME)


def test_a_claim_of_gigabytes_is_refused_unread() -> None:
    import zstandard

    bomb = zstandard.ZstdCompressor().compress(b"\0" * 10_000_000)
    # The frame's header says four gigabytes.
    claim = bomb[:5] + (1 << 32).to_bytes(8, "little") + bomb[9:]
    for payload in (bytes([bomb[4] | 0xC0]).join((bomb[:4], claim[5:])), bomb[:30]):
        with pytest.raises(Damaged):
            unpack(b"\x01\x02" + b"\0" * 16 + payload, NAME)
    with pytest.raises(Damaged):
        unpack(b"\x01\x01" + b"\0" * 16 + zlib.compress(b"\0" * 10_000_000), NAME)


def test_without_zstd(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "some words " * 100
    entry = pack(text, NAME, "zstd")
    assert entry[1] == packed.ZSTD
    monkeypatch.setitem(sys.modules, "zstandard", None)
    monkeypatch.setitem(sys.modules, "compression", None)
    plain = pack(text, NAME, "zstd")
    assert plain[1] == packed.ZLIB
    assert unpack(plain, NAME) == text
    with pytest.raises(Damaged, match="zstd"):
        unpack(entry, NAME)
