"""A range of time for people: "the last seven days" are seven whole days up to now, and the seven before them.

`/v1/stats` takes any range; a span names the one that a page or a report is for, in steps that a chart can show.
"""

from __future__ import annotations

import datetime
import time
from dataclasses import dataclass

from headroom.cloud.errors import ServiceError
from headroom.cloud.settings import ServiceSettings
from headroom.cloud.usage.rollup import DAY_S, HOUR_S, MINUTE_S
from headroom.cloud.usage.stats import PERIODS, iso, moment

RANGES = {
    "1h": (MINUTE_S, 60, "hour"),
    "24h": (HOUR_S, 24, "24 hours"),
    "7d": (DAY_S, 7, "7 days"),
    "30d": (DAY_S, 30, "30 days"),
    "90d": (DAY_S, 90, "90 days"),
}
"""Seconds of a step, number of steps, and what to call it after "last"."""
DEFAULT = "7d"
MAX_STEPS = 400
"""More cannot be told apart in a chart."""
_NAMES = {seconds: name for name, seconds in PERIODS.items()}


@dataclass(frozen=True)
class Span:
    """From `from_s` until `to_s`, seconds since 1970, in steps of a minute, an hour or a day.

    Attributes:
        label: what to call it.
        range: key of `RANGES`; empty if it was given by dates.
    """

    from_s: int
    to_s: int
    step_s: int
    label: str
    range: str = ""

    @classmethod
    def last(cls, name: str, now_s: int | None = None) -> Span:
        """The range of this name, up to now.

        Raises:
            ServiceError: 422.
        """
        if name not in RANGES:
            raise ServiceError(422, "invalid_parameter", "There is no such range.", given=name[:20], allowed=[*RANGES])
        now_s = int(time.time()) if now_s is None else now_s
        step_s, steps, label = RANGES[name]
        return cls((now_s // step_s + 1 - steps) * step_s, now_s + 1, step_s, f"last {label}", name)

    @classmethod
    def between(cls, start: str, until: str, settings: ServiceSettings, now_s: int | None = None) -> Span:
        """From a date or moment until another; a date counts to its end. Without `until`: up to now.

        Raises:
            ServiceError: 422.
        """
        now_s = int(time.time()) if now_s is None else now_s
        from_s = moment("from", start, now_s)
        to_s = now_s + 1
        if until:
            to_s = moment("until", until, now_s) + (DAY_S if len(until) == len("2026-11-25") else 0)
            to_s = min(to_s, now_s + 1)
        if not 0 <= from_s < to_s:
            raise ServiceError(
                422, "invalid_parameter", "The range must begin before it ends, and before now.",
                given=f"{start[:30]} to {until[:30] or 'now'}",
            )  # fmt: skip
        steps = [
            step_s
            for step_s, longest_s, keep_days in (
                (MINUTE_S, 2 * HOUR_S, settings.keep_minutes_days),
                (HOUR_S, 2 * DAY_S, settings.keep_hours_days),
            )
            if to_s - from_s <= longest_s and now_s - from_s <= keep_days * DAY_S
        ]
        step_s = steps[0] if steps else DAY_S
        to_s = min(-(-to_s // step_s) * step_s, now_s + 1)
        from_s = max(from_s // step_s, to_s // step_s - MAX_STEPS) * step_s
        return cls(from_s, to_s, step_s, f"{_day(from_s)} to {_day(to_s - 1)}")

    @property
    def period(self) -> str:
        """The step, as `group_by` names it."""
        return _NAMES[self.step_s]

    @property
    def start(self) -> str:
        """For `/v1/stats`."""
        return iso(self.from_s)

    @property
    def end(self) -> str:
        """For `/v1/stats`."""
        return iso(self.to_s)

    @property
    def is_running(self) -> bool:
        """Whether its last step is not over yet."""
        return self.to_s % self.step_s != 0

    @property
    def last_day(self) -> str:
        """Date of its last second."""
        return _day(self.to_s - 1)

    @property
    def before(self) -> tuple[str, str]:
        """Start and end of the range before, cut off where this one is: half a day is compared with half a day."""
        length = -(-(self.to_s - self.from_s) // self.step_s) * self.step_s
        return iso(max(0, self.from_s - length)), iso(max(self.step_s, self.to_s - length))

    @property
    def before_step(self) -> str | None:
        """Steps of the range before: of days not whole ones, since it is cut off within one."""
        return None if self.step_s == DAY_S else self.period

    @property
    def steps(self) -> list[str]:
        """The start of every step."""
        return [iso(at_s) for at_s in range(self.from_s, self.to_s, self.step_s)]


def _day(at_s: int) -> str:
    return datetime.datetime.fromtimestamp(at_s, datetime.timezone.utc).strftime("%Y-%m-%d")
