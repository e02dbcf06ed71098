"""Locks after a fork: another thread of the parent may have held them, and does not exist in the child."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Renewable(Protocol):
    """Something with locks."""

    def renew_locks(self) -> None:
        """Replaces them by free ones."""


_live: weakref.WeakSet[Renewable] = weakref.WeakSet()


def renew_after_fork(one: Renewable) -> None:
    """Has `one.renew_locks()` called in every forked child, as long as `one` lives."""
    _live.add(one)


def _after_fork() -> None:
    for one in list(_live):
        one.renew_locks()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
