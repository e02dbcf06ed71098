"""What learning saves and what it loses: writes the figures of docs/learning.md and its plot.

    python benches/learning.py                        synthetic agents alone
    python benches/learning.py FOLDER                 and the runs of FOLDER/tau_airline.jsonl (see quality_cases.py)
    python benches/learning.py --out /tmp/learning    elsewhere than docs

Runs are split in two: a policy is learned on one half and measured on the other, beside the same level without it.
Tokens are those of the tools' outputs alone, counted for gpt-4o. A value counts as kept if it stands in the compressed
output, or in what `expand()` makes of it.
"""

from __future__ import annotations

import argparse
import copy
import datetime as dt
import platform
import random
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import learning_agents as agents
import quality_cases
from headroom import __version__, compress, count_tokens, expand
from headroom.cloud.learning.head import EXPLORE_EVERY
from headroom.learning import policy as policies
from headroom.learning.conversation import read
from headroom.learning.learner import Learner
from headroom.learning.signals import PRESENT, RETRIEVED, SEEN, Hidden, observe
from quality_plot import BLUE, GREEN, GREY, PURPLE, VERMILION, svg

ROOT = Path(__file__).resolve().parent.parent
PAGE, PLOT = "learning.md", "learning.svg"
BEGIN, END = "<!-- figures -->", "<!-- /figures -->"
MODEL = "gpt-4o"
LEVEL = "balanced"
SEED = 20261126
RUNS = 600
"""Of each tool; half of them are learned from."""
COLOURS = (BLUE, VERMILION, GREEN, PURPLE, GREY)
CURVE = (0, 50, 100, 150, 175, 200, 250, 300)
DRIFT_SEEDS = 10
DRIFT_AFTER = 300
DRIFT_UP_TO = 150
NOISES = (0.0, 0.01, 0.02, 0.05, 0.1)
RETRIEVES = 0.5
"""Share of the needs of a field that was left out for which an agent with the retrieval tool calls it."""


@dataclass
class Measured:
    """Sums over runs.

    Attributes:
        before: tokens of the tools' outputs.
        after: tokens of them when compressed.
        needed: values that agents went on to use.
        kept: of those, that are visible.
        runs: conversations.
    """

    before: int = 0
    after: int = 0
    needed: int = 0
    kept: int = 0
    runs: int = 0

    @property
    def saved(self) -> float:
        """Per cent of the tokens."""
        return 100 * (1 - self.after / self.before) if self.before else 0.0

    @property
    def kept_share(self) -> float:
        """Per cent of the values."""
        return 100 * self.kept / self.needed if self.needed else 100.0

    def add(self, other: Measured) -> None:
        """Adds other runs."""
        for name in ("before", "after", "needed", "kept", "runs"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def measure(
    messages: list[dict[str, Any]], needed: Sequence[tuple[str, str]], policy: dict[str, Any] | None
) -> Measured:
    """One conversation, compressed with a policy or without."""
    new = compress(messages, model=MODEL, level=LEVEL, policy=policy).messages
    before, after = ([o.text for o in read(ms).outputs] for ms in (messages, new))
    visible = quality_cases.folded("\n".join(text + "\n" + expand(text) for text in after))
    hits = [quality_cases.folded(value) in visible for _, value in needed]
    return Measured(
        sum(count_tokens(text, MODEL) for text in before),
        sum(count_tokens(text, MODEL) for text in after),
        len(hits),
        sum(hits),
        1,
    )


def total(runs: Sequence[agents.Run], policy: dict[str, Any] | None) -> Measured:
    """Many conversations."""
    out = Measured()
    for run in runs:
        out.add(measure(run.messages, run.needed, policy))
    return out


@dataclass
class Row:
    """A tool's figures."""

    tool: str
    learned: int
    fields: int
    dropped: list[str]
    plain: Measured
    with_policy: Measured
    curve: list[tuple[int, Measured]]


def simulate() -> list[Row]:
    """Every tool: learn on one half of its runs, measure on the other."""
    rows = []
    for tool in agents.TOOLS:
        rng = random.Random(f"{SEED} {tool.name}")
        runs = [agents.run(tool, rng) for _ in range(RUNS)]
        # Every other run, so that both halves are of all times.
        train, test = runs[::2], runs[1::2]
        plain = total(test, None)
        learner = Learner()
        curve: list[tuple[int, Measured]] = []
        seen = 0
        known: dict[str, Measured] = {}
        for wanted in CURVE:
            for run in train[seen:wanted]:
                learner.add(run.messages)
            seen = max(seen, min(wanted, len(train)))
            document = learner.policy()
            key = str(policies.dropped(document))
            known.setdefault(key, total(test, document))
            curve.append((wanted, known[key]))
        drop = [p for s in document["tools"].get(tool.name, {}).values() for p in s["drop"]]
        rows.append(Row(tool.name, len(train), len(tool.fields) + len(tool.around), drop, plain, curve[-1][1], curve))
        print(
            f"{tool.name}: {plain.saved:.1f} -> {curve[-1][1].saved:.1f} % saved, kept {plain.kept_share:.2f} -> "
            f"{curve[-1][1].kept_share:.2f} %, dropped {len(drop)}",
            file=sys.stderr,
        )
    return rows


def noisy() -> list[tuple[float, int, int, float]]:
    """(noise, fields, of them dropped, used values kept in %) for agents of all tools that keep to their habit less.

    By what the policy drops and the question names, without compressing anything.
    """
    out = []
    for noise in NOISES:
        known = dropped = needed = kept = 0
        for tool in agents.TOOLS:
            rng = random.Random(f"{SEED} noise {noise} {tool.name}")
            learner = Learner()
            for _ in range(RUNS // 2):
                learner.add(agents.run(tool, rng, noise=noise).messages)
            document = learner.policy()
            drop = {p for s in document["tools"][tool.name].values() for p in s["drop"]}
            known += len(tool.fields) + len(tool.around)
            dropped += len(drop)
            for _ in range(RUNS):
                run = agents.run(tool, rng, noise=noise)
                needed += len(run.needed)
                kept += sum(path not in drop or path in run.named for path, _ in run.needed)
        out.append((noise, known, dropped, 100 * kept / needed))
    return out


def drift() -> dict[float, list[int | None]]:
    """After how many conversations a policy keeps a field again that agents have begun to need, per tool and seed.

    As in the service: one conversation in eight explores, others do not see what is left out, unless the question names
    it; who misses a field calls the retrieval tool in a share of the cases, by which the answer is keyed. `None`: not
    within `DRIFT_UP_TO`.
    """
    noticed: dict[float, list[int | None]] = {RETRIEVES: [], 0.0: []}
    for tool in agents.TOOLS:
        (new,) = set(tool.drift) - set(tool.habit)
        path = agents.path_of(tool, new)
        for seed in range(DRIFT_SEEDS):
            rng = random.Random(f"{SEED} drift {tool.name} {seed}")
            learner = Learner()
            for _ in range(DRIFT_AFTER):
                learner.add(agents.run(tool, rng).messages)
            hidden = policies.dropped(learner.policy())
            if not _is_dropped(hidden, tool.name, path):
                # Noise kept it, so there is nothing to notice.
                continue
            for retrieves, counts in noticed.items():
                counts.append(_notice(tool, new, path, copy.deepcopy(learner), copy.deepcopy(rng), retrieves))
    return noticed


def _notice(
    tool: agents.Tool, new: str, path: str, learner: Learner, rng: random.Random, retrieves: float
) -> int | None:
    for count in range(1, DRIFT_UP_TO + 1):
        hidden = policies.dropped(learner.policy())
        run = agents.run(tool, rng, drifted=True)
        explores = rng.randrange(EXPLORE_EVERY) == 0
        needs = any(p == path for p, _ in run.needed)
        is_blind = needs and not explores and path not in run.named
        if not explores:
            observed = observe(_without(run, tool, new) if is_blind else run.messages, hidden)
        else:
            observed = observe(run.messages)
        if is_blind and rng.random() < retrieves:
            for flags in observed.values():
                if (path, "") in flags:
                    flags[path, ""] |= PRESENT | SEEN | RETRIEVED
        learner.take(f"after {count}", observed)
        if not _is_dropped(policies.dropped(learner.policy()), tool.name, path):
            return count
    return None


def _without(run: agents.Run, tool: agents.Tool, name: str) -> list[dict[str, Any]]:
    """The conversation of an agent that did not see a field: it says nothing of it."""
    words = name.replace(".", " ").replace("_", " ")
    out = []
    for message in run.messages:
        text = message.get("content")
        if message["role"] == "assistant" and isinstance(text, str) and words in text:
            parts = [part for part in text.rstrip(".").split(", ") if words not in part]
            message = {**message, "content": ", ".join(parts) + "."}
        out.append(message)
    return out


def _is_dropped(hidden: Hidden, tool: str, path: str) -> bool:
    return any(path in about["drop"] for about in hidden.get(tool, {}).values())


@dataclass
class Real:
    """Figures of recorded runs: the sums of both halves, each measured with what the other one taught."""

    plain: Measured
    with_policy: Measured
    tools: int
    most: int
    dropped: int


def recorded(folder: Path) -> Real:
    """The runs of tau_airline, split by run in two, both ways round."""
    cases = list(quality_cases.read(folder, ["tau_airline"]))
    out = Real(Measured(), Measured(), 0, 0, 0)
    for train, test in ((cases[::2], cases[1::2]), (cases[1::2], cases[::2])):
        learner = Learner()
        for case in train:
            learner.add(case.messages)
        document = learner.policy()
        for case in test:
            needed = [("", gold) for gold in case.gold]
            out.plain.add(measure(case.messages, needed, None))
            out.with_policy.add(measure(case.messages, needed, document))
        out.tools = max(out.tools, len({f.tool for f in learner.evidence}))
        out.most = max(out.most, round(max(e.seen for e in learner.evidence.values())))
        out.dropped += sum(len(s["drop"]) for t in document["tools"].values() for s in t.values())
    return out


def report(
    rows: list[Row],
    noise: list[tuple[float, int, int, float]],
    noticed: dict[float, list[int | None]],
    real: Real | None,
) -> str:
    """The part of the page between its marks."""
    lines = [
        f"Measured on {dt.date.today().isoformat()} with headroom {__version__}, Python {platform.python_version()}, "
        f"by `make learning`. Level `{LEVEL}` on both sides, tokens of the tools' outputs for {MODEL}.",
        "",
        f"**Synthetic agents** (seed {SEED}): {RUNS} runs of each tool, every other one learned, the rest measured.",
        "",
        "| synthetic tool | runs learned | runs measured | fields | dropped | saved without | saved with | more | "
        "used values kept without | with |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    plain, learned = Measured(), Measured()
    for row in rows:
        plain.add(row.plain)
        learned.add(row.with_policy)
        lines.append(_line(row.tool, row.learned, row.fields, len(row.dropped), row.plain, row.with_policy))
    lines.append(
        _line("all (synthetic)", sum(r.learned for r in rows), sum(r.fields for r in rows),
              sum(len(r.dropped) for r in rows), plain, learned)
    )  # fmt: skip
    lines += [
        "",
        "| synthetic: conversations seen | " + " | ".join(str(n) for n, _ in rows[0].curve) + " |",
        "|---" * (len(CURVE) + 1) + "|",
        "| tokens saved, % | " + " | ".join(f"{_at(rows, i).saved:.1f}" for i in range(len(CURVE))) + " |",
        "| used values kept, % | " + " | ".join(f"{_at(rows, i).kept_share:.2f}" for i in range(len(CURVE))) + " |",
        "",
        f"![Tokens saved over conversations seen, at 99 % or more of the used values kept; synthetic]({PLOT})",
        "",
        "**Noise** (synthetic): the share of runs in which an agent needs a field that is not of its habit. "
        f"The tables above have {100 * agents.NOISE:g} %. By what the policy drops; what the question names is kept.",
        "",
        "| synthetic: noise | fields | dropped | used values kept |",
        "|---|---|---|---|",
        *(f"| {100 * n:g} % | {known} | {dropped} | {kept:.2f} % |" for n, known, dropped, kept in noise),
        "",
        f"**Drift** (synthetic): after {DRIFT_AFTER} conversations agents begin to need a field that is left out, in "
        f"85 % of conversations; {DRIFT_SEEDS} seeds for each of {len(rows)} tools.",
        "",
        "| synthetic agents that miss a field | changes | noticed within 30 conversations | median | 95 % | longest |",
        "|---|---|---|---|---|---|",
    ]
    for retrieves, counts in noticed.items():
        found = sorted(c if c is not None else DRIFT_UP_TO for c in counts)
        within = sum(c is not None and c <= 30 for c in counts)
        who = f"retrieve it in {100 * retrieves:g} % of cases" if retrieves else "cannot retrieve"
        p95 = found[min(len(found) - 1, int(0.95 * len(found)))]
        lines.append(
            f"| {who} | {len(counts)} | {100 * within / len(counts):.1f} % | {statistics.median(found):g} | {p95} | "
            f"{found[-1]} |"
        )
    if real is not None:
        lines += [
            "",
            f"**Real runs**: tau_airline, {real.plain.runs} recorded runs of an agent with {real.tools} tools whose "
            "outputs are JSON, split by run, each half measured with what the other one taught.",
            "",
            "| tau_airline | saved without | saved with | gold kept without | gold kept with | fields dropped |",
            "|---|---|---|---|---|---|",
            f"| {real.plain.runs} runs | {real.plain.saved:.1f} % | {real.with_policy.saved:.1f} % | "
            f"{real.plain.kept_share:.1f} % | {real.with_policy.kept_share:.1f} % | {real.dropped} |",
            "",
            f"A field's use could be told in {real.most} conversations at most; one that nobody uses needs 149. "
            "So nothing is dropped, nothing is lost, and nothing is saved: these runs are too few to learn from.",
        ]
    return "\n".join(lines)


def _line(tool: str, learned: int, fields: int, dropped: int, plain: Measured, with_policy: Measured) -> str:
    return (
        f"| {tool} | {learned} | {plain.runs} | {fields} | {dropped} | {plain.saved:.1f} % | "
        f"{with_policy.saved:.1f} % | {with_policy.saved - plain.saved:.1f} | {plain.kept_share:.2f} % | "
        f"{with_policy.kept_share:.2f} % |"
    )


def _at(rows: list[Row], point: int) -> Measured:
    out = Measured()
    for row in rows:
        out.add(row.curve[point][1])
    return out


def plot(rows: list[Row], path: Path) -> None:
    """Savings over conversations seen, one line per tool; points at which less than 99 % is kept are hollow."""
    with svg(path) as plt:
        figure, axis = plt.subplots(figsize=(7.2, 3.8))
        for row, colour, marker in zip(rows, COLOURS, "osD^v", strict=True):
            xs, ys = [n for n, _ in row.curve], [m.saved for _, m in row.curve]
            axis.plot(xs, ys, color=colour, linewidth=1.4, label=row.tool)
            for (x, measured), y in zip(row.curve, ys, strict=True):
                face = colour if measured.kept_share >= 99 else "white"
                axis.plot(x, y, marker, color=colour, markerfacecolor=face, markersize=4.5)
        axis.set_xlabel("conversations seen")
        axis.set_ylabel("tokens of tool outputs saved, %")
        axis.set_title(
            "Synthetic agents, held-out runs (filled: 99 % or more of used values kept)", loc="left", fontsize=9
        )
        axis.set_ylim(0, 100)
        axis.grid(True, color="#e3e6ea", linewidth=0.6)
        axis.set_axisbelow(True)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
        axis.legend(frameon=False, loc="lower right", fontsize=8, ncol=2)
        figure.tight_layout()


def main() -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="?", type=Path, help="folder with tau_airline.jsonl")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="folder to write to (default: docs)")
    args = parser.parse_args()
    began = time.monotonic()
    try:
        real = recorded(args.cases) if args.cases else None
    except (quality_cases.CaseError, OSError) as error:
        print(f"learning: {error}", file=sys.stderr)
        return 1
    rows = simulate()
    noticed = drift()
    args.out.mkdir(parents=True, exist_ok=True)
    plot(rows, args.out / PLOT)
    text = report(rows, noisy(), noticed, real)
    page = ROOT / "docs" / PAGE
    whole = page.read_text("utf-8")
    head, _, rest = whole.partition(BEGIN)
    (args.out / PAGE).write_text(f"{head}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}", "utf-8")
    print(text)
    print(f"{args.out / PAGE} written in {time.monotonic() - began:.0f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
