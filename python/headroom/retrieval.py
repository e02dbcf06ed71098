"""`retrieve()`: what was left out of a message, by the hash in its mark.

All of it, the parts that match a query (scored by the Rust core, as compression does), or a range of
lines. Everything returned is the original's own bytes; what an excerpt leaves out has marks in its place.
"""

from __future__ import annotations

import re
import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from headroom import _core
from headroom.compression import Origin
from headroom.errors import InvalidOptionError
from headroom.stores.forks import renew_after_fork
from headroom.stores.keep import AnyStore, resolve

EXCERPT_TOKENS = 2_000
"""About how much the answer to a query takes: a few screens; a query that matches more can be narrowed."""

Lines = Sequence[int] | str
"""(first, last), both 1-based and included, or the same as "first-last"; "n" is one line."""

_LINES = re.compile(r"\s*(\d{1,12})\s*(?:(?:-|–|\.\.|:|,)\s*(\d{1,12})\s*)?\Z")


def retrieve(
    hash: str,
    query: str | None = None,
    lines: Lines | None = None,
    *,
    store: AnyStore = None,
    owner: str = "",
) -> str:
    """The original that `hash` stands for, or the parts of it that are asked for.

    Args:
        hash: the 24 hexadecimal digits of a mark.
        query: words, identifiers or a quotation: the lines, records or passages that match best, with marks
            for the gaps (about 2,000 tokens).
        lines: a range of the original's lines, from 1, both ends included; the last may lie behind the end.
        store: where the compression put it: a `Store`, its URL, or `None` for the process's own.
        owner: the owner that the compression was given.

    Raises:
        UnknownHashError: nothing under this hash for this owner.
        ExpiredHashError: the store has dropped it, for its age or for room.
        StoreError: the store cannot be asked.
        InvalidOptionError: an argument that is not allowed.
    """
    wanted = Wanted.check(hash, query, lines, owner)
    return wanted.part(resolve(store).get(owner, wanted.hash)).text


async def aretrieve(
    hash: str,
    query: str | None = None,
    lines: Lines | None = None,
    *,
    store: AnyStore = None,
    owner: str = "",
) -> str:
    """`retrieve` without blocking the event loop while the store is asked."""
    wanted = Wanted.check(hash, query, lines, owner)
    return wanted.part(await resolve(store).aget(owner, wanted.hash)).text


@dataclass(frozen=True)
class Part:
    """A part of an original.

    Attributes:
        text: what to show.
        matches: units that match the query and are shown; `None` without a query.
        matching: units that match.
    """

    text: str
    matches: int | None = None
    matching: int = 0


@dataclass(frozen=True)
class Wanted:
    """What is asked for, checked."""

    hash: str
    query: str | None
    lines: tuple[int, int] | None

    @classmethod
    def check(cls, hash: Any, query: Any, lines: Any, owner: Any = "") -> Wanted:
        """Checks arguments.

        Raises:
            InvalidOptionError: one of them is not allowed; the message says what is.
        """
        if not isinstance(hash, str):
            raise InvalidOptionError(f"hash must be a string of 24 hexadecimal digits, not {type(hash).__name__}")
        if not isinstance(owner, str):
            raise InvalidOptionError(f"owner must be a string, not {type(owner).__name__}")
        if query is not None and (not isinstance(query, str) or not query.strip()):
            raise InvalidOptionError("query must be words to look for, or left out")
        if query is not None and lines is not None:
            raise InvalidOptionError("give a query or lines, not both")
        return cls(hash.strip().lower(), query, None if lines is None else read_lines(lines))

    def part(self, text: str) -> Part:
        """The part of an original that is asked for.

        Raises:
            InvalidOptionError: the lines begin behind its end.
        """
        retrievals.count(self.hash)
        if self.query is not None:
            shown, matches, matching, _, _ = _core.excerpt(_valid(text), _valid(self.query), EXCERPT_TOKENS, "gpt-4o")
            return Part(shown, matches, matching)
        if self.lines is None:
            return Part(text)
        first, last = self.lines
        found = text.split("\n")
        if found[-1] == "":
            del found[-1]
        if first > len(found):
            raise InvalidOptionError(f"lines={first}-{last} begin behind the end; the original has {len(found)} lines")
        # Every line but perhaps the last of the text has its newline.
        is_end = last >= len(found) and not text.endswith("\n")
        return Part("\n".join(found[first - 1 : last]) + ("" if is_end else "\n"))


def read_lines(lines: Any) -> tuple[int, int]:
    """A range of lines.

    Raises:
        InvalidOptionError: it is none.
    """
    first = last = 0
    if isinstance(lines, str):
        match = _LINES.match(lines)
        if match:
            first = int(match[1])
            last = int(match[2] or match[1])
    elif isinstance(lines, (list, tuple)) and len(lines) == 2 and all(type(n) is int for n in lines):
        first, last = lines
    if not 1 <= first <= last:
        raise InvalidOptionError(
            f"lines={str(lines)[:40]!r} is not allowed; allowed: (first, last) or 'first-last', from 1, both included"
        )
    return first, last


def _valid(text: str) -> str:
    """Without lone surrogates, which the core cannot read; only a store of the caller's may hold any."""
    return text.encode("utf-8", "replace").decode()


class Retrievals:
    """Counts what is fetched, per tool and kind: each says that too much was cut there."""

    MAX_REMEMBERED = 20_000
    """Hashes whose origin is remembered, about 200 bytes each."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._origins: OrderedDict[str, Origin] = OrderedDict()
        self._counts: Counter[tuple[str, str]] = Counter()
        renew_after_fork(self)

    def remember(self, origins: dict[str, Origin]) -> None:
        """Notes where hashes come from."""
        with self._lock:
            for hash_, origin in origins.items():
                self._origins[hash_] = origin
                self._origins.move_to_end(hash_)
            while len(self._origins) > self.MAX_REMEMBERED:
                self._origins.popitem(last=False)

    def count(self, hash: str) -> None:
        """Counts one retrieval, once for each kind in its message."""
        with self._lock:
            origin = self._origins.get(hash)
            for kind in (origin.kinds if origin else ()) or ("",):
                self._counts[origin.tool if origin else "", kind] += 1

    def read(self) -> dict[tuple[str, str], int]:
        """Retrievals per (tool, kind); both empty where another process compressed."""
        with self._lock:
            return dict(self._counts)

    def renew_locks(self) -> None:
        """For a forked child."""
        self._lock = threading.Lock()


retrievals = Retrievals()
"""What this process has compressed and fetched."""
