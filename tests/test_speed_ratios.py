"""Speed as ratios from one run, with bounds so wide that a busy machine does not break them.

The figures themselves come from `make bench`; this only catches what has become quadratic, or computes again
what it should remember.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from headroom import _core

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benches"))

import hostile
import inputs
import speed
from conversation import conversation, requests
from timing import in_turns, slope_per_doubling

SIZES = [64 * inputs.KB, 128 * inputs.KB, 256 * inputs.KB, 512 * inputs.KB]
MAX_SLOPE = 3.0
"""Linear is 2, quadratic 4."""
EXAMPLES = ("log", "json")
"""Kinds whose inputs need neither git nor cargo."""


@pytest.mark.parametrize("name", [*EXAMPLES, *hostile.HOSTILE])
def test_time_grows_with_the_size_and_not_with_its_square(name: str) -> None:
    make = hostile.HOSTILE.get(name) or (lambda size: inputs.text(name, size))
    ask = name if name in EXAMPLES else "log"
    sent = {size: inputs.messages(ask, make(size)) for size in SIZES}
    actions = {str(size): (lambda m=m: speed.compress(m)) for size, m in sent.items()}
    times = in_turns(actions, 5, dict.fromkeys(actions, _core.clear_memo), max_seconds=5)
    slope = slope_per_doubling({size: times[str(size)].cpu for size in SIZES})
    assert slope < MAX_SLOPE, {size: t.cpu for size, t in times.items()}


def test_history_is_nearly_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """30 turns, each sending everything so far: without a memo, 15 times the last request."""
    monkeypatch.setattr(inputs, "KINDS", EXAMPLES)
    sent = requests(conversation(turns=30, size=400 * inputs.KB))

    def all_turns() -> None:
        for request in sent:
            speed.compress(request)

    cold = {"last": _core.clear_memo, "all": _core.clear_memo}
    times = in_turns({"last": lambda: speed.compress(sent[-1]), "all": all_turns}, 5, cold, max_seconds=10)
    assert times["all"].cpu < 6 * times["last"].cpu


def test_the_second_sight_costs_a_fraction() -> None:
    messages = inputs.messages("log", inputs.text("log", 200 * inputs.KB))
    actions = {"cold": lambda: speed.compress(messages), "warm": lambda: speed.compress(messages)}
    times = in_turns(actions, 15, {"cold": _core.clear_memo})
    assert times["warm"].cpu < times["cold"].cpu / 3
