"""What `headroom doctor` looks at: how headroom is installed, what the environment says, and whether it works.

Every check returns findings; none raises for something that is wrong, and none shows a key or a password.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

T = TypeVar("T")

State = Literal["ok", "note", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """What one check saw.

    Attributes:
        check: what was looked at.
        state: "ok", "note" (nothing wrong: an extra that is not installed), "warning" (works, but look at it) or
            "error" (does not work).
        said: one line for a person.
        action: what to do about it.
        facts: the same for programs.
    """

    check: str
    state: State
    said: str
    action: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


class TookTooLong(Exception):
    """A check did not end in its time."""


def in_time(function: Callable[[], T], timeout_s: float) -> T:
    """What `function` returns or raises, if it does so in `timeout_s` seconds; it is left alone after that.

    Raises:
        TookTooLong: it did not end in time.
    """
    done: list[T] = []
    failed: list[Exception] = []

    def run() -> None:
        try:
            done.append(function())
        except Exception as error:  # noqa: BLE001  # it is raised where it was asked for
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(timeout_s)
    if failed:
        raise failed[0]
    if not done:
        raise TookTooLong
    return done[0]
