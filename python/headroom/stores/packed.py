"""How an original is written down where it leaves the process: compressed, with a digest of its own.

    entry   = version (1 byte) codec (1 byte) digest (16 bytes) payload
    digest  = BLAKE2b of the text's UTF-8, keyed with the entry's name

The digest is what detects a torn value, or one that stands under another's name; it does not depend on
the secret that may key the hash, so that every reader can check it. Cost per 100 KB of log: 0.5 ms with
zlib, 0.15 ms with zstd.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from typing import Literal

VERSION = 1
HEAD_BYTES = 18
MIN_BYTES = 256
"""Shorter texts are kept as they are: there is nothing to gain."""
MAX_TEXT_BYTES = 1 << 30
"""A value that claims to unpack to more is damaged, or an attack on the reader's memory."""

PLAIN, ZLIB, ZSTD = 0, 1, 2
ZLIB_LEVEL = 1
"""Level 6 saves another tenth of a log and takes three times as long, while a request waits."""
ZSTD_LEVEL = 1
"""Level 3 takes half as long again and saves 3 % of a log or a document."""

Codec = Literal["zlib", "zstd"]


class Damaged(Exception):
    """The value is not what was written, or this process cannot read it; the message says which."""


def pack(text: str, name: bytes, codec: Codec = "zlib") -> bytes:
    """The entry of a text under a name of at most 64 bytes. `zstd` falls back to `zlib` where it is not installed.

    Raises:
        UnicodeEncodeError: the text holds lone surrogates, which no request can carry.
    """
    plain = text.encode()
    head = bytes((VERSION,)), _digest(plain, name)
    number, payload = PLAIN, plain
    if len(plain) >= MIN_BYTES:
        zstd = _zstd() if codec == "zstd" else None
        number, payload = (ZSTD, zstd[0](plain)) if zstd else (ZLIB, zlib.compress(plain, ZLIB_LEVEL))
        if len(payload) >= len(plain):
            number, payload = PLAIN, plain
    return b"".join((head[0], bytes((number,)), head[1], payload))


def unpack(entry: bytes, name: bytes) -> str:
    """The text of the entry under a name.

    Raises:
        Damaged: it is not whole.
    """
    if len(entry) < HEAD_BYTES or entry[0] != VERSION:
        raise Damaged("it is cut off, or of another version of headroom")
    digest, payload = entry[2:HEAD_BYTES], entry[HEAD_BYTES:]
    try:
        if entry[1] == ZLIB:
            inflate = zlib.decompressobj()
            plain = inflate.decompress(payload, MAX_TEXT_BYTES)
            if not inflate.eof or inflate.unused_data:
                raise Damaged("its end is not where it was")
        elif entry[1] == ZSTD:
            zstd = _zstd()
            if zstd is None:
                raise Damaged("it is compressed with zstd; install headroom-ai[redis] here too")
            plain = zstd[1](payload)
        elif entry[1] == PLAIN:
            plain = payload
        else:
            raise Damaged("its compression is unknown")
        if _digest(plain, name) != digest:
            raise Damaged("its digest does not match")
        return plain.decode()
    except (zlib.error, UnicodeDecodeError, MemoryError) as error:
        raise Damaged(f"it does not unpack ({type(error).__name__})") from None


def _digest(plain: bytes, name: bytes) -> bytes:
    return hashlib.blake2b(plain, digest_size=16, key=name).digest()


Both = tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]


def _zstd() -> Both | None:
    """Compress and decompress with zstd: `zstandard` where installed, else what Python 3.14 brings."""
    try:
        return _zstandard()
    except ImportError:
        pass
    try:
        return _python_zstd()
    except ImportError:
        return None


def _zstandard() -> Both:
    import zstandard

    def decompress(data: bytes) -> bytes:
        try:
            # A frame written by `compress` names its size; one that claims too much is refused unread.
            if zstandard.frame_content_size(data) not in range(MAX_TEXT_BYTES):
                raise Damaged("it claims to be larger than any text")
            unpacking = zstandard.ZstdDecompressor().decompressobj()
            plain = bytes(unpacking.decompress(data))
        except zstandard.ZstdError:
            raise Damaged("it does not unpack") from None
        if not unpacking.eof or unpacking.unused_data:
            raise Damaged("its end is not where it was")
        return plain

    return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress, decompress


def _python_zstd() -> Both:
    from compression import zstd

    def decompress(data: bytes) -> bytes:
        try:
            unpacking = zstd.ZstdDecompressor()
            plain = bytes(unpacking.decompress(data, MAX_TEXT_BYTES))
        except zstd.ZstdError:
            raise Damaged("it does not unpack") from None
        if not unpacking.eof or unpacking.unused_data:
            raise Damaged("its end is not where it was")
        return plain

    return lambda data: bytes(zstd.compress(data, ZSTD_LEVEL)), decompress
