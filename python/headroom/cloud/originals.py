"""Originals behind the hashes that the service issues, each organisation's apart.

A hash is issued (`ccr_hashes`) only after the store said that it keeps the original. A store that fails costs
the retrieval, never the request, and changes no byte of the messages.
"""

from __future__ import annotations

import logging
import re
import time

from headroom.cloud import labels, logs, metrics
from headroom.cloud.auth import Identity
from headroom.cloud.errors import ServiceError, unavailable
from headroom.cloud.settings import ServiceSettings
from headroom.compression import Origin
from headroom.errors import RetrievalError, StoreError
from headroom.retrieval import Wanted
from headroom.stores import Store, open_store

HASH = re.compile(r"[0-9a-f]{12,24}")
MAX_QUERY_CHARS = 10_000
ORIGIN = "\x1eorigin\x1f"
LOG_EVERY_S = 10.0
"""A store that fails is said so often, not with every request."""


def store_url(settings: ServiceSettings) -> str:
    """Where originals go: what was asked for, or Redis where there is one, or memory."""
    if settings.store is not None and settings.store.get_secret_value():
        return settings.store.get_secret_value()
    return settings.redis.get_secret_value() if settings.redis is not None else "memory://"


class Originals:
    """The store, for the service."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._store: Store = open_store(store_url(settings), ttl_s=settings.original_ttl_s)
        self._quiet_until = 0.0

    async def keep(self, who: Identity, originals: dict[str, str], origins: dict[str, Origin]) -> bool:
        """True once all of them are kept."""
        packed = {hash: _with_origin(text, origins[hash]) for hash, text in originals.items()}
        try:
            await self._store.aput(who.organisation_id, packed)
        except StoreError as error:
            metrics.originals_failed.inc(len(originals))
            now = time.monotonic()
            if now >= self._quiet_until:
                self._quiet_until = now + LOG_EVERY_S
                logs.event("originals not kept", logging.WARNING, **logs.places(error))
            return False
        metrics.originals_stored.inc(len(originals))
        return True

    async def get(self, who: Identity, hash: str) -> tuple[str, Origin | None]:
        """The original, and where it comes from.

        Raises:
            ServiceError: 404, 422, 503.
        """
        if not HASH.fullmatch(hash):
            raise ServiceError(
                422, "invalid_hash", "This is not a hash.", given=f"{len(hash)} characters",
                allowed="12 to 24 of 0-9 and a-f", action="Copy the hash from the mark.",
            )  # fmt: skip
        try:
            text = await self._store.aget(who.organisation_id, hash)
        except StoreError as error:
            metrics.retrievals.labels("failed").inc()
            logs.event("original not fetched", logging.WARNING, **logs.places(error))
            raise unavailable("store") from None
        except RetrievalError:
            # One answer for unknown, expired and somebody else's.
            metrics.retrievals.labels("unknown").inc()
            raise ServiceError(
                404, "unknown_hash", "There is no original under this hash, or it has expired.",
                action="Run the tool again.",
            ) from None  # fmt: skip
        metrics.retrievals.labels("found").inc()
        return _without_origin(text)

    async def close(self) -> None:
        """Gives connections back."""
        await self._store.aclose()


def _with_origin(text: str, origin: Origin) -> str:
    """An entry: its first line says which tool and kinds, so that a retrieval can be counted by any worker."""
    return f"{ORIGIN}{labels.clean(origin.tool)}\x1f{' '.join(origin.kinds)}\n{text}"


def _without_origin(entry: str) -> tuple[str, Origin | None]:
    """The text of an entry. Only the first line is ours; whatever follows is the text, though it look like one."""
    head, newline, text = entry.partition("\n")
    if not newline or not head.startswith(ORIGIN):
        return entry, None
    tool, _, kinds = head[len(ORIGIN) :].partition("\x1f")
    return text, Origin(-1, tool, tuple(kinds.split()))


def matching(hash: str, text: str, query: str) -> tuple[str, bool]:
    """What of an original answers a query, by the core's own scoring, and whether that is all of it."""
    found = Wanted.check(hash, query[:MAX_QUERY_CHARS], None).part(text).text
    return found, found == text
