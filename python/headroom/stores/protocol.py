"""What every store promises, and the few rules that all of them share.

- **Content-addressed.** An entry's name is the hash of its text (24 hexadecimal digits, as in the marks).
  Putting it again only renews its age, so a conversation that is compressed anew each turn costs little.
- **Owner-scoped.** An entry is found by owner *and* hash, in one lookup. Somebody else's hash is as
  unknown as one that never was, with the same answer after the same work. Equal texts of two owners are
  two entries: sharing them would let one owner feel out what the other has.
- **Complete or absent.** Once `put` returns, each entry is whole; a damaged one is an error, never a text.
- **Bounded.** By bytes and by age. What was dropped is remembered a while (its name only), so that the
  reader hears "expired" and not "unknown".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from headroom.errors import ExpiredHashError, UnknownHashError

HASH = re.compile(r"[0-9a-f]{24}\Z")
"""A hash as the core writes it: 96 bits of SHA-256, or of its HMAC under a secret."""

DEFAULT_TTL_S = 3 * 24 * 3600.0
"""How long an original is kept after it was last put: a session that is taken up again after a weekend."""


@runtime_checkable
class Store(Protocol):
    """Keeps originals for their owners. All methods may be called from any thread."""

    def put(self, owner: str, originals: Mapping[str, str]) -> None:
        """Keeps `{hash: text}` for `owner`, in as few round trips as the backend allows.

        Raises:
            StoreError: at least one of them is not kept.
        """

    def get(self, owner: str, hash: str) -> str:
        """The text that `hash` stands for.

        Raises:
            UnknownHashError: nothing under this hash for this owner.
            ExpiredHashError: it was there and was dropped, for its age or for room.
            StoreError: the store cannot be asked, or its entry is damaged.
        """

    async def aput(self, owner: str, originals: Mapping[str, str]) -> None:
        """`put` without blocking the event loop."""

    async def aget(self, owner: str, hash: str) -> str:
        """`get` without blocking the event loop."""

    def stats(self) -> dict[str, Any]:
        """Counters of this process: `kind`, `puts`, `hits`, `unknown`, `expired`, `errors`, and what the backend
        knows of its size. Never talks to a server.
        """

    def close(self) -> None:
        """Gives back connections and memory. A closed store opens again when it is used."""

    async def aclose(self) -> None:
        """`close` for code that runs on an event loop."""


def entry_key(owner: str, hash: str) -> str:
    """The name of an entry in a shared store: 128 bits of owner and hash, so that neither can be read off it.

    The owner's length goes in first: no owner and hash run together into another pair.
    """
    owner_bytes = owner.encode("utf-8", "surrogatepass")
    head = len(owner_bytes).to_bytes(8, "big") + owner_bytes
    return hashlib.blake2b(head + hash.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def unknown(hash: str) -> UnknownHashError:
    """The answer for a hash that was never put, or by somebody else."""
    if not HASH.match(hash):
        return UnknownHashError(f"{_shown(hash)} is not a hash; pass the 24 hexadecimal digits that stand in a mark")
    return UnknownHashError(
        f"nothing is kept under hash {hash} here; copy the hash from the mark, and use the store and owner "
        "of the compression that wrote it"
    )


def expired(hash: str) -> ExpiredHashError:
    """The answer for a hash whose original was dropped."""
    return ExpiredHashError(
        f"the original of hash {_shown(hash)} was dropped, because it was too old or others needed the room; "
        "run the tool again, or raise the store's ttl_s or max_bytes"
    )


def _shown(hash: str) -> str:
    """At most 40 characters of what was given, on one line."""
    return ascii(hash)[:42] if not HASH.match(hash) else hash
