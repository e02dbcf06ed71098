"""Compresses four real inputs and shows, for each, what it saved and what came out.

Run it with `make demo`. Colours on a terminal, plain text in a pipe. What is shown of each result is its beginning
and the lines around the answer to the question.
"""

from __future__ import annotations

import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import headroom
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

INPUTS = Path(__file__).parent / "inputs"
MODEL = "gpt-4o"
HEAD_LINES = 4
"""Lines of each result that are shown from its start."""
AROUND_LINES = 4
"""Lines that are shown before and after the answer."""
MAX_CHARS = 112
"""Of a line so many characters are shown."""


@dataclass(frozen=True)
class Case:
    """One real input, the question it is read for, and a pattern of the line that answers it."""

    title: str
    file: str
    command: str
    question: str
    answer: str


CASES = [
    Case(
        "application log",
        "postgresql.log",
        "cat /var/log/postgresql/postgresql-15-main.log",
        "Why did some transactions of the shop fail, and which role was refused?",
        r'role "nobody_here" does not exist',
    ),
    Case(
        "JSON of an API",
        "model-prices.json",
        "curl -s http://localhost:4000/public/litellm_model_cost_map",
        "What does gpt-4.1-mini cost per input token and how many tokens does it take?",
        r"\bgpt-4\.1-mini\"?:",
    ),
    Case(
        "grep output",
        "grep.txt",
        'grep -rn "Finder" src',
        "Where is `FinderBuilder` defined?",
        r"pub struct FinderBuilder",
    ),
    Case(
        "document",
        "aho-corasick-design.md",
        "cat DESIGN.md",
        "Why can overlapping searches not be used with leftmost match semantics?",
        r"use a subset of all failure transitions",
    ),
]


def conversation(case: Case) -> list[dict[str, Any]]:
    """The input as an agent meets it: a question, a tool call, its output."""
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "shell", "arguments": f'{{"cmd": "{case.command}"}}'},
    }
    return [
        {"role": "user", "content": case.question},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {
            "role": "tool",
            "tool_call_id": "call_1",
            "content": (INPUTS / case.file).read_text(encoding="utf-8"),
        },
    ]


def look(case: Case, result: str) -> Text:
    """The beginning of a result and the lines around the answer, which is set off."""
    lines = result.splitlines()
    answers = [i for i, line in enumerate(lines) if re.search(case.answer, line)]
    shown = set(range(HEAD_LINES))
    if answers:
        shown |= set(range(answers[0] - AROUND_LINES, answers[0] + AROUND_LINES + 1))
    text, skipped = Text(), 0
    for i, line in enumerate(lines):
        if i not in shown:
            skipped += 1
            continue
        if skipped:
            text.append(f"… {skipped} lines of the result\n", style="dim")
        skipped = 0
        cut = line if len(line) <= MAX_CHARS else f"{line[: MAX_CHARS - 2]} …"
        style = "bold yellow" if i in answers else "cyan" if line.startswith("[") else ""
        text.append(f"{cut}\n", style=style)
    if skipped:
        text.append(f"… {skipped} lines of the result\n", style="dim")
    text.right_crop(1)
    return text


def main() -> None:
    """Prints the table, then a look at each result."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    headroom.compress([{"role": "user", "content": "warm up: load the vocabulary"}], MODEL)
    table = Table(title=f"headroom {headroom.__version__}, counted as {MODEL} counts")
    for heading in ("input", "tokens before", "after", "saved", "time", "answer", "done"):
        table.add_column(heading, justify="left" if heading in ("input", "answer", "done") else "right")
    looks = []
    for case in CASES:
        messages = conversation(case)
        started = time.perf_counter()
        result = headroom.compress(messages, MODEL)
        elapsed_ms = (time.perf_counter() - started) * 1e3
        output = result.messages[-1]["content"]
        table.add_row(
            case.title,
            f"{result.tokens_before:,}",
            f"{result.tokens_after:,}",
            f"[bold green]{100 * result.compression_ratio:.1f} %[/]",
            f"{elapsed_ms:.1f} ms",
            "still there" if re.search(case.answer, output) else "[bold red]lost[/]",
            ", ".join(result.transforms_applied),
        )
        looks.append((case, look(case, output)))
    console.print(table)
    for case, shown in looks:
        console.print(Panel(shown, title=f"{case.title}: {case.question}", title_align="left", border_style="cyan"))
    console.print("The whole of it, with the reasons: headroom explain examples/inputs/postgresql.log", style="dim")


if __name__ == "__main__":
    main()
