"""Learns a policy from conversations, in memory: what `headroom learn` does, and what benches measure."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from headroom.learning import policy
from headroom.learning.conversation import digest, up_to_first_output
from headroom.learning.evidence import Evidence
from headroom.learning.policy import Field, Verdict
from headroom.learning.signals import PRESENT, RETRIEVED, SEEN, USED, Hidden, Observed, observe

MIN_PRESENT = 5
"""A field's name is written down once so many conversations had it: keys that are data come and go."""


class Learner:
    """Evidence of the fields of all tools, conversation by conversation."""

    def __init__(self) -> None:
        self.evidence: dict[Field, Evidence] = {}
        self.conversations = 0
        self._counted: dict[str, Observed] = {}

    def add(self, messages: Sequence[Any], hidden: Hidden | None = None) -> None:
        """Takes a conversation, or a request of one: what was seen of it before does not count again.

        Args:
            messages: all of its messages so far.
            hidden: what the policy left out that it was recorded under.
        """
        observed = observe(messages, hidden)
        if observed:
            self.take(digest(up_to_first_output(messages), b""), observed)

    def take(self, name: str, observed: Observed) -> None:
        """Takes what was observed of the conversation `name`."""
        self.conversations += name not in self._counted
        counted = self._counted.setdefault(name, {})
        for (tool, structure), flags in observed.items():
            before = counted.setdefault((tool, structure), {})
            for (path, place), flag in flags.items():
                new = flag & ~before.get((path, place), 0)
                if new and not place:
                    field = Field(tool, structure, path)
                    count(self.evidence.setdefault(field, Evidence()), new)
                before[path, place] = before.get((path, place), 0) | flag

    def judged(self) -> list[tuple[Field, Verdict]]:
        """What is done with each field that enough conversations had."""
        return policy.judge_all((f, e) for f, e in self.evidence.items() if e.present >= MIN_PRESENT)

    def policy(self, version: int = 1) -> dict[str, Any]:
        """The document."""
        return policy.make(self.judged(), version, time.time())


def count(evidence: Evidence, flags: int) -> None:
    """Adds to a field's counts what is new about one conversation."""
    evidence.add(
        present=bool(flags & PRESENT),
        seen=bool(flags & SEEN),
        used=bool(flags & USED),
        retrieved=bool(flags & RETRIEVED),
    )
