"""Medians of things measured in turns, so that what else the machine does falls on all of them alike.

Wall time is what a caller waits; CPU time is what a call costs, and on a machine that does other work it
is the steadier of the two. Both are kept. Ratios of single-threaded work are ratios of medians of CPU time
(on an idle machine the same as wall time); what uses several threads is compared by wall time.
"""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Action = Callable[[], Any]


@dataclass(frozen=True)
class Times:
    """Medians of one thing's samples, in seconds."""

    wall: float
    cpu: float
    rounds: int

    def as_json(self) -> dict[str, Any]:
        """Milliseconds, three significant digits more than anybody needs."""
        return {"wall_ms": _ms(self.wall), "cpu_ms": _ms(self.cpu), "rounds": self.rounds}


def _ms(seconds: float) -> float:
    return float(f"{seconds * 1e3:.4g}")


def once(action: Action) -> tuple[float, float]:
    """Wall and CPU seconds (of all threads) of one call."""
    cpu, wall = time.process_time(), time.perf_counter()
    action()
    return time.perf_counter() - wall, time.process_time() - cpu


def in_turns(
    actions: Mapping[str, Action],
    rounds: int,
    before: Mapping[str, Action] | None = None,
    max_seconds: float = math.inf,
) -> dict[str, Times]:
    """Each action once per round, after its `before` (not timed), while time is left; at least one round."""
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in actions}
    began = time.perf_counter()
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, action in actions.items():
                if before and name in before:
                    before[name]()
                samples[name].append(once(action))
            gc.collect()
            if time.perf_counter() - began > max_seconds:
                break
    finally:
        if was_enabled:
            gc.enable()
    return {name: medians(taken) for name, taken in samples.items()}


def medians(samples: Sequence[tuple[float, float]]) -> Times:
    """The medians of (wall, cpu) samples."""
    wall, cpu = (statistics.median(s[i] for s in samples) for i in (0, 1))
    return Times(wall, cpu, len(samples))


def slope_per_doubling(points: Mapping[int, float]) -> float:
    """Factor by which time grows when the size doubles: least squares on log axes; 2.0 is linear."""
    xs = [math.log2(size) for size in points]
    ys = [math.log2(seconds) for seconds in points.values()]
    mx, my = statistics.mean(xs), statistics.mean(ys)
    rise = sum((x - mx) * (y - my) for x, y in zip(xs, ys, strict=True))
    return float(2 ** (rise / sum((x - mx) ** 2 for x in xs)))
