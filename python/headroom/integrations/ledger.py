"""Counts of an integration: exact, thread-safe, once per call however often it is tried.

Every call has a key. Writing a key again replaces what it counted before (a retry), `revert` takes it
out (the attempt failed, or a cache answered), `close` makes it final. Cost per call: O(1).
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from headroom.compression import Origin

Status = Literal["compressed", "skipped", "failed"]

# Calls that can still be replaced or taken out. A call that is older than this many others is final.
MAX_OPEN = 4096


@dataclass(frozen=True)
class Outcome:
    """What became of one call.

    Attributes:
        status: "compressed", "skipped" (sent as it came, nothing wrong) or "failed" (sent as it came,
            because compressing it failed).
        reason: why it was skipped or failed; never content.
        tokens_before: tokens of the messages before, 0 where nothing was counted.
        tokens_after: tokens of the messages after.
        seconds: time the compression took.
    """

    status: Status
    reason: str = ""
    tokens_before: int = 0
    tokens_after: int = 0
    seconds: float = 0.0

    @property
    def tokens_saved(self) -> int:
        return self.tokens_before - self.tokens_after


class Ledger:
    """The sum of all calls."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: OrderedDict[str, Outcome] = OrderedDict()
        self._status: Counter[str] = Counter()
        self._skipped: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._events: Counter[str] = Counter()
        self._retrievals: Counter[tuple[str, str]] = Counter()
        self._retrievals_failed = 0
        self._before = 0
        self._after = 0
        self._seconds = 0.0

    def put(self, key: str | None, outcome: Outcome) -> None:
        """Counts a call. A call without a key is final at once."""
        with self._lock:
            if key is not None:
                previous = self._open.pop(key, None)
                if previous is not None:
                    self._add(previous, -1)
                self._open[key] = outcome
                if len(self._open) > MAX_OPEN:
                    self._open.popitem(last=False)
            self._add(outcome, 1)

    def revert(self, key: str) -> None:
        """Takes a call out again: nothing was sent, or what was sent failed."""
        with self._lock:
            outcome = self._open.pop(key, None)
            if outcome is not None:
                self._add(outcome, -1)

    def close(self, key: str) -> None:
        """Makes a call final: the same key counts as another call from now on."""
        with self._lock:
            self._open.pop(key, None)

    def event(self, name: str) -> None:
        """Counts something that is not the outcome of a call, for example a failure of the service."""
        with self._lock:
            self._events[name] += 1

    def retrieved(self, origin: Origin | None, is_error: bool) -> None:
        """Counts an answered retrieval under the tool and each kind that was cut, or one that failed."""
        with self._lock:
            if is_error:
                self._retrievals_failed += 1
                return
            for kind in (origin.kinds if origin else ()) or ("",):
                self._retrievals[origin.tool if origin else "", kind] += 1

    def _add(self, outcome: Outcome, sign: int) -> None:
        self._status[outcome.status] += sign
        if outcome.status == "skipped":
            self._skipped[outcome.reason] += sign
        elif outcome.status == "failed":
            self._failures[outcome.reason] += sign
        self._before += sign * outcome.tokens_before
        self._after += sign * outcome.tokens_after
        self._seconds += sign * outcome.seconds

    @property
    def tokens_saved(self) -> int:
        with self._lock:
            return self._before - self._after

    def stats(self) -> dict[str, Any]:
        """A snapshot.

        Keys: `calls`, `compressed`, `skipped` (reason → calls), `failed`, `failures` (reason → calls),
        `events` (name → count), `tokens_before`, `tokens_after`, `tokens_saved`, `seconds`,
        `retrievals` (tool → kind → count; the tool is empty for a user's text), `retrievals_failed`.
        """
        with self._lock:
            retrievals: dict[str, dict[str, int]] = {}
            for (tool, kind), n in self._retrievals.items():
                retrievals.setdefault(tool, {})[kind] = n
            return {
                "calls": sum(self._status.values()),
                "compressed": self._status["compressed"],
                "skipped": {k: v for k, v in self._skipped.items() if v},
                "failed": self._status["failed"],
                "failures": {k: v for k, v in self._failures.items() if v},
                "events": dict(self._events),
                "tokens_before": self._before,
                "tokens_after": self._after,
                "tokens_saved": self._before - self._after,
                "seconds": max(0.0, self._seconds),
                "retrievals": retrievals,
                "retrievals_failed": self._retrievals_failed,
            }
