"""What is saved and what is kept, beside peers: writes docs/quality.md, its plot and the whole examples.

    python benches/quality.py                        a sample from this repository, into .cache/quality
    python benches/quality.py FOLDER                 a folder of cases, into docs
    python benches/quality.py FOLDER --sets loghub,search --limit 10 --out /tmp/quality

The page itself says what the figures are and what a case looks like. Each case is compressed some thirty times; peers
run in processes of their own, the larger one in a virtual environment of its own under .cache, and what they answered
is kept there, so that after a change of ours only ours is measured again.
"""

from __future__ import annotations

import argparse
import datetime as dt
import platform
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import headroom
import peers
import quality_cost
import quality_methods as methods
import quality_sample
from quality_cases import Case, CaseError, digest, read
from quality_page import figures, grouped, page
from quality_plot import plot

from examples import write_examples

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SAMPLE_OUT = ROOT / ".cache" / "quality"


def main() -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="?", type=Path, help="folder of cases (default: a sample of this repository)")
    parser.add_argument("--sets", help="only these sets, separated by commas")
    parser.add_argument("--limit", type=int, help="at most so many cases of each set")
    parser.add_argument("--no-peers", action="store_true", help="measure ours, BM25 and head+tail alone")
    parser.add_argument("--out", type=Path, help="folder to write to (default: docs; .cache/quality for the sample)")
    args = parser.parse_args()
    began = time.monotonic()
    try:
        sample = quality_sample.cases()
        cases = list(read(args.cases, args.sets.split(",") if args.sets else None, args.limit)) if args.cases else []
    except (CaseError, OSError) as error:
        print(f"quality: {error}", file=sys.stderr)
        return 1
    methods.measure([*cases, *sample], with_peers=not args.no_peers)
    cases = cases or sample
    bills = quality_cost.measure(cases, with_peers=not args.no_peers)
    out = args.out or (DOCS if args.cases else SAMPLE_OUT)
    out.mkdir(parents=True, exist_ok=True)
    plot(cases, out / "quality.svg")
    (out / "quality.md").write_text(page(cases, sample, bills, made_with(cases), "quality.svg"), "utf-8")
    write_examples(out / "examples")
    print_figures(cases)
    print(f"{out / 'quality.md'} written in {time.monotonic() - began:.0f} s", file=sys.stderr)
    return 0


def made_with(cases: list[Case]) -> str:
    """The dated line of versions."""
    names = ("litellm", "tiktoken")
    others = [f"{peers.HEADROOM_AI}", *(f"{name} {_version(name)}" for name in names)]
    return (
        f"Measured on {dt.date.today().isoformat()} with headroom {headroom.__version__}{_commit()}, "
        f"{', '.join(others)}, Python {platform.python_version()}; digest of the cases {digest(cases)}. "
        "Written by `make quality` (`benches/quality.py`)."
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(missing)"


def _commit() -> str:
    git = ["git", "-C", str(ROOT)]
    names = subprocess.run(
        [*git, "describe", "--always", "--abbrev=10", "--exclude=*", "--dirty=, with changes"],
        capture_output=True,
        text=True,
        check=False,
    )
    return f" (commit {names.stdout.strip()})" if names.returncode == 0 else ""


def print_figures(cases: list[Case]) -> None:
    """The figures by set, for the terminal."""
    shown = (methods.OURS, methods.HIDDEN, methods.PEER, methods.LITELLM_EQUAL, methods.BM25, methods.ENDS)
    groups = grouped(cases, lambda c: c.set) | {"ALL": cases}
    width = max(map(len, groups))
    print("saved/kept/in context, %")
    for name, group in groups.items():
        cells = []
        for method in shown:
            if found := figures(group, method):
                cells.append(f"{method} " + "/".join("–" if v is None else f"{v:.1f}" for v in found))
        print(f"{name:{width}}  " + "; ".join(cells))


if __name__ == "__main__":
    sys.exit(main())
