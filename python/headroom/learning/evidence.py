"""Counts of one field, and what they say about its use.

Conversations are counted, not outputs: ten outputs of one conversation are one observation. What is stated is the
upper end of Clopper and Pearson's interval (C. Clopper, E. Pearson: The use of confidence or fiducial limits
illustrated in the case of the binomial, Biometrika 26, 1934), which is exact: if the field were used in more than
`use_at_most` of the conversations, so few uses would be seen in at most one case of twenty.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

CONFIDENCE = 0.95
USE_AT_MOST = 0.02
"""A field is dropped while it is used in at most this share of conversations: 149 without a use say so."""
WATCH = 30
"""Conversations for which a field stays after any use. So one use is enough to bring a dropped field back, and noise
costs 30 conversations of its savings."""
MEMORY = 400.0
"""Conversations after which counts are halved, so that old ones fade. Unused fields then stand at 0.75 to 1.5 %."""
CHANGED = 1e-4
"""Use has changed once what is seen would be rarer than this under the old use."""

HABIT = 3.0
"""Fewer uses are no habit that could end: they fade."""
SILENCE_STEP = 10
"""A field's silence is looked at every so many conversations, since the bound costs 0.3 ms."""


@dataclass
class Evidence:
    """Conversations of one field.

    Attributes:
        present: that had the field.
        seen: of those, in which could be told whether it was used; fades.
        used: of those, that used it; fades.
        retrieved: that fetched it after it had been left out; fades.
        quiet: those of `seen` since the last use.
        changes: how often its use changed.
    """

    present: float = 0.0
    seen: float = 0.0
    used: float = 0.0
    retrieved: float = 0.0
    quiet: int = 0
    changes: int = 0

    @property
    def needed(self) -> float:
        """Uses and retrievals together; a conversation that did both counts twice at most, on the cautious side."""
        return min(self.seen, self.used + self.retrieved)

    @property
    def use_at_most(self) -> float:
        """Upper confidence bound of the share of conversations that need the field."""
        return upper_bound(self.needed, self.seen)

    @property
    def is_watched(self) -> bool:
        """Whether the last use is so recent that the field stays, whatever the counts say."""
        return self.quiet < WATCH

    def add(self, present: bool, seen: bool, used: bool, retrieved: bool) -> None:
        """Takes what is new about one conversation."""
        self.present += present
        self.seen += seen
        if used or retrieved:
            again = self.needed > 0 and self.quiet < WATCH
            if again and self.use_at_most <= USE_AT_MOST:
                # Twice in so few, of a field that was as good as unused: what was known of it is over.
                self._restart(self.quiet + 2.0, 1.0)
            self.used += used
            self.retrieved += retrieved
            self.quiet = 0
        elif seen:
            self.quiet += 1
            if self._fell_silent():
                self._restart(float(self.quiet), 0.0)
        if self.seen >= MEMORY:
            self.seen, self.used, self.retrieved = self.seen / 2, self.used / 2, self.retrieved / 2

    def _fell_silent(self) -> bool:
        """Whether so long a silence is next to impossible, had the use stayed at what it surely was."""
        if self.quiet < WATCH or self.quiet % SILENCE_STEP or self.needed < HABIT:
            return False
        rate = lower_bound(self.needed, max(self.seen - self.quiet, self.needed))
        return self.quiet * -math.log1p(-min(rate, 0.999)) >= -math.log(CHANGED)

    def _restart(self, seen: float, used: float) -> None:
        self.seen, self.used, self.retrieved = seen, used, 0.0
        self.changes += 1


def upper_bound(needed: float, seen: float, confidence: float = CONFIDENCE) -> float:
    """Clopper and Pearson's upper bound of a share, of `needed` in `seen`; both may be fractions."""
    if needed >= seen:
        return 1.0
    if needed <= 0:
        return float(1.0 - (1.0 - confidence) ** (1.0 / seen))
    return _quantile(confidence, needed + 1.0, seen - needed)


def lower_bound(needed: float, seen: float, confidence: float = CONFIDENCE) -> float:
    """The lower bound, likewise."""
    if needed <= 0 or seen <= 0:
        return 0.0
    if needed >= seen:
        return float((1.0 - confidence) ** (1.0 / seen))
    return _quantile(1.0 - confidence, needed, seen - needed + 1.0)


@lru_cache(1 << 16)
def _quantile(p: float, a: float, b: float) -> float:
    """Of the beta distribution, to seven digits. 0.3 ms, so what is asked again is remembered."""
    low, high = 0.0, 1.0
    for _ in range(24):
        middle = (low + high) / 2
        low, high = (middle, high) if _beta(middle, a, b) < p else (low, middle)
    return (low + high) / 2


def _beta(x: float, a: float, b: float) -> float:
    """Regularized incomplete beta function, by its continued fraction (NIST DLMF 8.17.22)."""
    if x <= 0.0 or x >= 1.0:
        return min(max(x, 0.0), 1.0)
    if x > (a + 1) / (a + b + 2):
        return 1.0 - _beta(1.0 - x, b, a)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    ) / a  # fmt: skip
    # Lentz's method.
    c, d = 1.0, 1.0 / (1.0 - (a + b) * x / (a + 1))
    total = d
    for m in range(1, 300):
        up = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d, c = 1.0 / (1.0 + up * d), 1.0 + up / c
        total *= c * d
        down = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d, c = 1.0 / (1.0 + down * d), 1.0 + down / c
        total *= c * d
        if abs(c * d - 1.0) < 1e-12:
            break
    return front * total
