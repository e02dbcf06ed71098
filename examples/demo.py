"""Compresses four real inputs and shows, for each, what it saved and what came out.

Run it with `make demo`. Colours on a terminal, plain text in a pipe.
"""

from __future__ import annotations

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
LOOK_LINES = 14
"""Lines of each result that are shown."""


@dataclass(frozen=True)
class Case:
    """One real input and the question it is read for."""

    title: str
    file: str
    command: str
    question: str


CASES = [
    Case(
        "application log",
        "postgresql.log",
        "cat /var/log/postgresql/postgresql-15-main.log",
        "Why did some transactions of the shop fail, and which role was refused?",
    ),
    Case(
        "JSON of an API",
        "model-prices.json",
        "curl -s http://localhost:4000/public/litellm_model_cost_map",
        "What does gpt-4.1-mini cost per input token and how many tokens does it take?",
    ),
    Case("grep output", "grep.txt", 'grep -rn "Finder" src', "Where is `FinderBuilder` defined?"),
    Case(
        "document",
        "aho-corasick-design.md",
        "cat DESIGN.md",
        "Why does the automaton shuffle match states, and what does that buy?",
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


def main() -> None:
    """Prints the table, then a look at each result."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    headroom.compress([{"role": "user", "content": "warm up: load the vocabulary"}], MODEL)
    table = Table(title=f"headroom {headroom.__version__}, counted as {MODEL} counts")
    for heading in ("input", "tokens before", "after", "saved", "time", "done"):
        table.add_column(heading, justify="left" if heading in ("input", "done") else "right")
    looks = []
    for case in CASES:
        messages = conversation(case)
        started = time.perf_counter()
        result = headroom.compress(messages, MODEL)
        elapsed_ms = (time.perf_counter() - started) * 1e3
        table.add_row(
            case.title,
            f"{result.tokens_before:,}",
            f"{result.tokens_after:,}",
            f"[bold green]{100 * result.compression_ratio:.1f} %[/]",
            f"{elapsed_ms:.1f} ms",
            ", ".join(result.transforms_applied),
        )
        looks.append((case, result))
    console.print(table)
    for case, result in looks:
        lines = result.messages[-1]["content"].splitlines()
        shown = Text("\n".join(line[:110] for line in lines[:LOOK_LINES]))
        more = len(lines) - LOOK_LINES
        shown.append(f"\n… and {more} more lines" if more > 0 else "", style="dim")
        console.print(Panel(shown, title=f"{case.title}: {case.question}", title_align="left", border_style="cyan"))


if __name__ == "__main__":
    main()
