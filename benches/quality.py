"""What is saved and what is kept, beside peers: writes docs/quality.md, its plot, and whole examples.

    python benches/quality.py [CASES] [--sets loghub,search] [--limit 10]

CASES is a folder of <set>.jsonl (default: ../shared/eval/cases beside the checkout). One case per line:
{"id", "kind", "messages", "question", "gold": [...], "gold_mode": "all"|"any"}. Cases are for measuring
only; none of
their text goes into the pages. Without cases, only the examples are written.

    saved   tokens removed, of all tokens, by tiktoken's o200k_base
    kept    share of the gold strings, which a later answer needs, that are still visible (case and white
    space
            aside): all of them, or for "any" at least one; the mean over cases

BM25, head+tail and litellm.compression get, for each case, the tokens that Headroom used at its default
level.
headroom-ai runs with its defaults. All peers see the question; "hidden" means that it was taken out first.
"""

from __future__ import annotations

import argparse
import copy
import json
import re
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import headroom
import peers
import rivals
from speed import MODEL, encoding

from examples import write_examples

ROOT = Path(__file__).resolve().parent.parent
CASES = ROOT.parent / "shared" / "eval" / "cases"
DOCS = ROOT / "docs"
NO_QUESTION = "Go on."
RATIOS = (0.6, 0.4, 0.25)
"""Values of `target_ratio` that the plot shows beside the levels."""

OURS, LOSSLESS, HIDDEN = "headroom", "headroom, lossless", "headroom, question hidden"
PEER, PEER_HIDDEN = peers.HEADROOM_AI, f"{peers.HEADROOM_AI}, question hidden"
BM25, ENDS = "BM25", "head+tail"
COLUMNS = (OURS, LOSSLESS, HIDDEN, PEER, PEER_HIDDEN, peers.LITELLM, BM25, ENDS)

SPACE = re.compile(r"\s+")
Messages = list[dict[str, Any]]


@dataclass
class Case:
    """One case and what each method made of it: tokens before and after, share of gold kept."""

    set: str
    kind: str
    messages: Messages
    question: str
    gold: list[str]
    is_any: bool
    before: int = 0
    after: dict[str, int] = field(default_factory=dict)
    kept: dict[str, float] = field(default_factory=dict)


def read(folder: Path, sets: list[str] | None, limit: int | None) -> Iterator[Case]:
    """The cases of a folder."""
    for path in sorted(folder.glob("*.jsonl")):
        if sets and path.stem not in sets:
            continue
        for number, line in enumerate(path.read_text("utf-8").splitlines()):
            if limit and number >= limit:
                break
            row = json.loads(line)
            yield Case(
                path.stem,
                row["kind"],
                row["messages"],
                row.get("question") or "",
                row["gold"],
                row["gold_mode"] == "any",
            )


def without_question(case: Case) -> Messages:
    """The messages as later steps of an agent see them: the question stands nowhere."""
    out = copy.deepcopy(case.messages)
    if not case.question:
        return out
    for message in out:
        text = message.get("content")
        if message["role"] == "user" and isinstance(text, str) and case.question in text:
            message["content"] = text.replace(case.question, "").strip() or NO_QUESTION
        for call in message.get("tool_calls") or []:
            for form in (case.question, json.dumps(case.question)[1:-1]):
                call["function"]["arguments"] = call["function"]["arguments"].replace(form, "")
    return out


def folded(text: str) -> str:
    """Case and white space aside."""
    return SPACE.sub(" ", text).strip().lower()


class Scorer:
    """Counts tokens and gold."""

    def __init__(self) -> None:
        self._encoding = encoding()

    def tokens(self, messages: Messages) -> int:
        """By tiktoken, not by the compressor."""
        return sum(len(self._encoding.encode_ordinary(rivals.content(m))) for m in messages)

    def note(self, case: Case, method: str, messages: Messages, before: int | None = None) -> None:
        """Notes what a method made of a case; `before` if it started from other messages."""
        visible = folded("\n".join(rivals.content(m) for m in messages))
        hits = [folded(g) in visible for g in case.gold]
        if hits:
            case.kept[method] = float(any(hits)) if case.is_any else sum(hits) / len(hits)
        after = self.tokens(messages)
        # A method that started from fewer tokens is credited only with what it removed itself.
        case.after[method] = after + (case.before - before if before is not None else 0)


def ours(messages: Messages, **options: Any) -> Messages:
    """Our result, as `compress()` returns it by default."""
    return headroom.compress(messages, model=MODEL, **options).messages


def measure(cases: list[Case], with_curves: bool) -> None:
    """Fills in every case."""
    scorer = Scorer()

    def count(text: str) -> int:
        return headroom.count_tokens(text, MODEL)

    for case in cases:
        case.before = scorer.tokens(case.messages)
        scorer.note(case, OURS, ours(case.messages))
        scorer.note(case, LOSSLESS, ours(case.messages, level="lossless"))
        hidden = without_question(case)
        scorer.note(case, HIDDEN, ours(hidden), scorer.tokens(hidden))
        variants = {OURS: ""}
        if with_curves:
            for ratio in RATIOS:
                scorer.note(case, f"{OURS} {ratio}", ours(case.messages, target_ratio=ratio))
                variants[f"{OURS} {ratio}"] = f" {ratio}"
        for method, suffix in variants.items():
            for name, choose in ((BM25, rivals.best_lines), (ENDS, rivals.head_and_tail)):
                cut = rivals.shorten(case.messages, case.question, case.after[method], count, choose)
                scorer.note(case, name + suffix, cut)
    _measure_peers(cases, scorer)


def _measure_peers(cases: list[Case], scorer: Scorer) -> None:
    python = peers.install_headroom_ai()
    if python is not None:
        with peers.Peer(peers.HEADROOM_AI, python) as peer:
            for case in cases:
                _note_peer(scorer, case, PEER, peer.compress(case.messages, MODEL), case.messages)
                hidden = without_question(case)
                _note_peer(scorer, case, PEER_HIDDEN, peer.compress(hidden, MODEL), hidden)
    with peers.Peer(peers.LITELLM) as peer:
        for case in cases:
            options = {"compression_trigger": 1, "compression_target": case.after[OURS]}
            _note_peer(scorer, case, peers.LITELLM, peer.compress(case.messages, MODEL, **options), case.messages)


def _note_peer(scorer: Scorer, case: Case, name: str, answer: dict[str, Any], given: Messages) -> None:
    # A peer that fails leaves the request as it was.
    messages = answer.get("messages", given)
    scorer.note(case, name, messages, scorer.tokens(given) if given is not case.messages else None)


def figures(cases: list[Case], method: str) -> tuple[float, float] | None:
    """(saved, kept) in percent, over the cases."""
    if not all(method in case.after for case in cases):
        return None
    before, after = sum(c.before for c in cases), sum(c.after[method] for c in cases)
    kept = [c.kept[method] for c in cases if method in c.kept]
    return 100 * (1 - after / before), 100 * statistics.mean(kept) if kept else 100.0


def grouped(cases: list[Case], by: Callable[[Case], str]) -> dict[str, list[Case]]:
    """Cases by a key, in order of the key."""
    out: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        out[by(case)].append(case)
    return dict(sorted(out.items()))


def page(cases: list[Case]) -> str:
    """docs/quality.md."""
    enc_note = "`o200k_base`"
    heads = "| | cases | " + " | ".join(COLUMNS) + " |\n|---|---:|" + "---:|" * len(COLUMNS)

    def rows(groups: dict[str, list[Case]]) -> str:
        out = []
        for name, group in groups.items():
            cells = []
            for method in COLUMNS:
                pair = figures(group, method)
                cells.append("–" if pair is None else f"{pair[0]:.1f} / {pair[1]:.1f}")
            out.append(f"| {name} | {len(group)} | " + " | ".join(cells) + " |")
        return "\n".join(out)

    whole = figures(cases, OURS) or (0, 0)
    return f"""# What is saved, what is kept

Written by `make quality` (`benches/quality.py`) from {len(cases)} cases of real text with known needs.
Each cell
is *saved / kept*: tokens removed in per cent ({enc_note}), and the share of what a later answer needs that
is still
visible. On all cases together: **{whole[0]:.1f} % saved, {whole[1]:.1f} % kept**.

- **headroom** is the default level with the question in the conversation; **lossless** only re-encodes,
and what
  it re-encodes decodes to the same data; **question hidden** is the default level on messages from which
  the question
  was taken out first: what an agent's later steps live with, and what no method that ranks by the question
  can fake.
- **{peers.HEADROOM_AI}** runs with its defaults, in a process of its own.
- **{peers.LITELLM}**, **BM25** (best lines by their words, k1 {rivals.K1}, b {rivals.B}) and **head+tail**
get, case by case, the
  tokens that Headroom used. Where they kept fewer tokens than that, it is because their next unit did not
  fit.

"Kept" is survival of strings, not quality of answers; the [whole examples](examples/README.md) are for
judging by eye.

## By kind

{heads}
{rows(grouped(cases, lambda c: c.kind) | {"**all**": cases})}

![Savings over what is kept, per kind](quality.svg)

Every point is one method on all cases of a kind; further up and to the right is better. The lines join values
of `target_ratio` ({", ".join(map(str, RATIOS))}); BM25 and head+tail stand at the tokens of the point of
ours.

## By set

{heads}
{rows(grouped(cases, lambda c: c.set))}
"""


def plot(cases: list[Case], path: Path) -> None:
    """Savings over kept, one panel per kind."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    matplotlib.rcParams.update({"svg.hashsalt": "headroom", "font.size": 9, "svg.fonttype": "none"})
    groups = grouped(cases, lambda c: c.kind) | {"all": cases}
    columns = 4
    rows = -(-len(groups) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(11, 2.9 * rows + 0.8), sharex=True, sharey=True)
    styles = {
        OURS: ("#1f6feb", "o"),
        BM25: ("#7a4fb5", "d"),
        ENDS: ("#8a8f98", "s"),
    }
    single = {
        LOSSLESS: ("#1f6feb", "^"),
        HIDDEN: ("#1f6feb", "x"),
        PEER: ("#d1651a", "P"),
        peers.LITELLM: ("#2a8a4a", "v"),
    }
    for axis, (name, group) in zip(axes.flat, groups.items(), strict=False):
        for method, (colour, marker) in styles.items():
            line = [p for p in (figures(group, f"{method}{s}") for s in ("", *(f" {r}" for r in RATIOS))) if p]
            if line:
                line.sort()
                axis.plot(*zip(*line, strict=True), "-", color=colour, alpha=0.45, linewidth=1)
                axis.plot(*zip(*line, strict=True), marker, color=colour, alpha=0.45, markersize=3)
        for method, (colour, marker) in (styles | single).items():
            if pair := figures(group, method):
                axis.plot(*pair, marker, color=colour, markersize=7, label=method, linestyle="none")
        axis.set_title(name, loc="left", fontweight="bold")
        axis.set_xlim(-3, 103)
        axis.set_ylim(-3, 105)
        axis.grid(True, color="#e3e6ea", linewidth=0.6)
        axis.set_axisbelow(True)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    for axis in list(axes.flat)[len(groups) :]:
        axis.set_visible(False)
    figure.supxlabel("tokens saved, %", fontsize=9, y=0.09)
    figure.supylabel("needed facts kept, %", fontsize=9)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncol=4, frameon=False)
    figure.tight_layout(rect=(0.01, 0.1, 1, 1))
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="?", type=Path, default=CASES)
    parser.add_argument("--sets")
    parser.add_argument("--limit", type=int, help="cases per set")
    parser.add_argument("--no-curves", action="store_true", help="only the default points in the plot")
    parser.add_argument("--out", type=Path, default=DOCS)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    write_examples(args.out / "examples")
    folder = args.cases / "cases" if (args.cases / "cases").is_dir() else args.cases
    if not folder.is_dir():
        print("no cases: only the examples were written (give a folder of <set>.jsonl)", file=sys.stderr)
        return
    cases = list(read(folder, args.sets.split(",") if args.sets else None, args.limit))
    measure(cases, not args.no_curves)
    (args.out / "quality.md").write_text(page(cases), "utf-8")
    plot(cases, args.out / "quality.svg")
    for name, group in (grouped(cases, lambda c: c.kind) | {"all": cases}).items():
        cells = [f"{method} {p[0]:.1f}/{p[1]:.1f}" for method in COLUMNS if (p := figures(group, method))]
        print(f"{name:12} " + "; ".join(cells))


if __name__ == "__main__":
    main()
