"""Savings over what is kept, one panel per kind of text, as one SVG.

Deterministic: no date, ids drawn from a fixed salt. What matters happens between 90 and 100 % kept, so the vertical
axis shows the square root of what is lost. Colours are Okabe and Ito's, which readers with any colour vision can
tell apart; every method has a marker and a line style of its own as well.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import peers
import quality_methods as m
from quality_cases import Case
from quality_page import figures, grouped

COLUMNS = 3
DIGITS = re.compile(r"(\.\d\d)\d+")
"""A hundredth of a point is seen by nobody; the file gets a third smaller."""
PANEL_INCHES = (3.5, 2.75)
TICKS = (100, 99, 95, 90, 75, 50, 25, 0)

BLUE, GREEN, VERMILION, PURPLE, GREY = "#0072B2", "#009E73", "#D55E00", "#8E5A83", "#6b6b6b"
CURVES = {m.OURS: (BLUE, "o", "-"), m.BM25: (PURPLE, "d", "--"), m.ENDS: (GREY, "s", ":")}
POINTS = {
    m.OURS: ("Headroom, default level", BLUE, "o", 8.5),
    m.LOSSLESS: ("Headroom, lossless", BLUE, "^", 7),
    m.AGGRESSIVE: ("Headroom, aggressive", BLUE, "v", 7),
    m.HIDDEN: ("Headroom, question hidden", BLUE, "X", 7),
    m.PEER: (f"{peers.HEADROOM_AI}, defaults", VERMILION, "P", 9),
    m.LITELLM_EQUAL: (f"{peers.LITELLM}, equal tokens", GREEN, "D", 6),
}


@contextlib.contextmanager
def svg(path: Path) -> Iterator[Any]:
    """`matplotlib.pyplot` for one figure, which is written to `path` when the block ends; the same bytes each time."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    matplotlib.rcParams.update(
        {
            "svg.hashsalt": "headroom",
            "svg.fonttype": "none",
            "font.family": "sans-serif",
            "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
            "font.size": 9,
            "text.color": "#1b1f23",
            "axes.labelcolor": "#1b1f23",
            "axes.edgecolor": "#8a8f98",
        }
    )
    yield plt
    out = io.StringIO()
    plt.savefig(out, format="svg", metadata={"Date": None, "Creator": None}, facecolor="white")
    plt.close()
    path.write_text(DIGITS.sub(r"\1", out.getvalue()), "utf-8")


def plot(cases: list[Case], path: Path) -> None:
    """Writes the picture of all kinds, and of all cases together."""
    with svg(path) as plt:
        _draw(cases, plt)


def _draw(cases: list[Case], plt: Any) -> None:
    from matplotlib.lines import Line2D

    groups = {f"{name} ({_cases(g)})": g for name, g in grouped(cases, lambda c: c.kind).items()}
    groups |= {f"all ({_cases(cases)})": cases}
    rows = -(-len(groups) // COLUMNS)
    width, height = PANEL_INCHES[0] * COLUMNS, PANEL_INCHES[1] * rows + (0 if len(groups) % COLUMNS else 0.95)
    figure, axes = plt.subplots(rows, COLUMNS, figsize=(width, height), squeeze=False)
    for axis, (name, group) in zip(axes.flat, groups.items(), strict=False):
        _panel(axis, name, group)
    for axis in axes.flat[len(groups) :]:
        axis.set_visible(False)
    for number, axis in enumerate(axes.flat[: len(groups)]):
        if number % COLUMNS == 0:
            axis.set_ylabel("needed strings kept, %")
        if number + COLUMNS >= len(groups):
            axis.set_xlabel("tokens saved, %")
    names = {m.OURS: "Headroom, target_ratio", m.BM25: "BM25, best lines", m.ENDS: "head+tail"}
    handles = [
        Line2D([], [], color=colour, marker=mark, linestyle=line, markersize=4.5, label=names[method])
        for method, (colour, mark, line) in CURVES.items()
    ]
    measured = [method for method in POINTS if figures(cases, method)]
    for method in measured:
        label, colour, mark, size = POINTS[method]
        handles.append(
            Line2D([], [], color=colour, marker=mark, linestyle="none", markersize=size, label=label, mec="white")
        )
    if len(groups) < axes.size:
        axes.flat[-1].set_visible(True)
        axes.flat[-1].set_axis_off()
        axes.flat[-1].legend(handles=handles, loc="center", frameon=False, handlelength=2.6, labelspacing=0.7)
    else:
        figure.legend(handles=handles, loc="lower center", ncol=COLUMNS, frameon=False, handlelength=2.6)
    figure.tight_layout(rect=(0, 0 if len(groups) < axes.size else 0.95 / height, 1, 1), h_pad=1.6)


def _cases(group: list[Case]) -> str:
    return "1 case" if len(group) == 1 else f"{len(group)} cases"


def _panel(axis: Any, name: str, cases: list[Case]) -> None:
    # The square root of what is lost: 99 and 100 are as far apart as 64 and 51.
    axis.set_yscale("function", functions=(_down, _up))
    axis.set_ylim(0, 100.25)
    axis.set_yticks(TICKS, [str(tick) for tick in TICKS])
    axis.set_xlim(-2, 102)
    axis.set_xticks(range(0, 101, 20))
    axis.minorticks_off()
    axis.grid(True, color="#e3e6ea", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.set_title(name, loc="left", fontweight="bold", fontsize=9.5)
    axis.tick_params(left=False, bottom=False)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    for method, (colour, mark, line) in CURVES.items():
        points = [p for ratio in m.RATIOS if (p := figures(cases, m.at_ratio(method, ratio)))]
        if points:
            points.sort()
            xs, ys = [p.saved for p in points], [p.kept for p in points]
            axis.plot(xs, ys, line, color=colour, marker=mark, markersize=3.2, linewidth=1.2, alpha=0.8, clip_on=False)
    for method, (_, colour, mark, size) in POINTS.items():
        if (p := figures(cases, method)) and p.kept is not None:
            # Where points coincide, as at (0, 100), the smaller one lies on top.
            order = 20 - size
            axis.plot(p.saved, p.kept, mark, color=colour, markersize=size, mec="white", clip_on=False, zorder=order)


def _down(kept: Any) -> Any:
    import numpy as np

    return -np.sqrt(np.clip(100.25 - kept, 0, None))


def _up(value: Any) -> Any:
    return 100.25 - value**2
