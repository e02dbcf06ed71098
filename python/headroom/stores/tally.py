"""Counters of a store in this process: every store counts the same things under the same names."""

from __future__ import annotations

import threading
from typing import Any

NAMES = ("puts", "renewed", "hits", "unknown", "expired", "dropped", "errors")
"""Entries written, entries put again, answers, answers without a text, entries dropped for age or room, failures."""


class Tally:
    """Counts from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = dict.fromkeys(NAMES, 0)

    def add(self, **counts: int) -> None:
        """Adds to the named counters."""
        with self._lock:
            for name, count in counts.items():
                self._counts[name] += count

    def read(self) -> dict[str, Any]:
        """All counters as they are now."""
        with self._lock:
            return dict(self._counts)

    def renew_locks(self) -> None:
        """For a forked child: whoever held the lock does not exist there."""
        self._lock = threading.Lock()
