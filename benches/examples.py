"""Ten whole texts before and after, for a person to judge: writes docs/examples.

    python benches/examples.py [FOLDER]

Everything is made from files in `examples/inputs` (their sources are named there) and from nothing else, so the pages
change only when an input, this file, or what the compressor does changes; a test makes them again and compares.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import headroom

ROOT = Path(__file__).resolve().parent.parent
INPUTS = ROOT / "examples" / "inputs"
PAGES = ROOT / "docs" / "examples"
MODEL = "gpt-4o"
FENCE = "`````"
"""Longer than any fence in the texts."""

Messages = list[dict[str, Any]]


@dataclass(frozen=True)
class Example:
    """One text and what was asked.

    Attributes:
        name: of the page.
        title: its heading.
        file: in `examples/inputs`.
        part: first and last line of the file that are taken, of JSON first and last member, 1-based; None: all.
        command: the call whose output the text is.
        question: what was asked before the call.
    """

    name: str
    title: str
    file: str
    part: tuple[int, int] | None
    command: str
    question: str

    def text(self) -> str:
        """The text as the tool printed it."""
        text = (INPUTS / self.file).read_text("utf-8")
        if self.part is None:
            return text
        first, last = self.part
        if self.file.endswith(".json"):
            return json.dumps(dict(list(json.loads(text).items())[first - 1 : last]), indent=2) + "\n"
        return "".join(text.splitlines(keepends=True)[first - 1 : last])

    def messages(self) -> Messages:
        """The conversation as the model gets it."""
        if self.file.endswith("agent.json"):
            conversation: Messages = json.loads(self.text())
            return conversation
        call = {"name": "bash", "arguments": json.dumps({"command": self.command})}
        return [
            {"role": "user", "content": self.question},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function", "function": call}]},
            {"role": "tool", "tool_call_id": "1", "content": self.text()},
        ]


EXAMPLES = (
    Example(
        "log",
        "A server's log",
        "postgresql.log",
        (480, 590),
        "sed -n 480,590p postgresql.log",
        "Why did some transactions of the shop fail, and which role was refused?",
    ),
    Example(
        "test-run",
        "A test run",
        "test-run.txt",
        None,
        "python -m pytest -vv tests",
        "Which tests fail, and why?",
    ),
    Example(
        "json",
        "An API's answer in JSON",
        "model-prices.json",
        (1, 18),
        "curl -s localhost:4000/public/litellm_model_cost_map | jq 'to_entries[:18] | from_entries'",
        "What does claude-sonnet-4-6 cost per output token?",
    ),
    Example(
        "csv",
        "A table in CSV",
        "models.csv",
        None,
        "cat models.csv",
        "What does gpt-4.1-mini cost per token?",
    ),
    Example(
        "grep",
        "Matches of grep",
        "grep.txt",
        (150, 281),
        'grep -rn "Finder" src',
        "Where is `FinderBuilder` defined?",
    ),
    Example(
        "diff",
        "A commit",
        "commit.diff",
        None,
        "git show",
        "What has changed in the way pieces are merged, in src/tokens/merge.rs?",
    ),
    Example(
        "code",
        "Source code",
        "ranking.rs.txt",
        None,
        "cat src/select.rs src/score/bm25.rs",
        "How does `fits` of the budget work, and what is `idf`?",
    ),
    Example(
        "html",
        "A page of HTML",
        "textwrap.html",
        None,
        "curl -s http://localhost:1234/textwrap.html",
        "What does textwrap.shorten do?",
    ),
    Example(
        "prose",
        "A design document",
        "aho-corasick-design.md",
        (338, 481),
        "tail -n 144 DESIGN.md",
        "Why can overlapping searches not be used with leftmost match semantics?",
    ),
    Example("agent", "A coding agent's conversation", "agent.json", None, "", ""),
)


def write_examples(folder: Path = PAGES) -> None:
    """Writes one page per example, and a list of them."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, example in enumerate(EXAMPLES, 1):
        name = f"{number:02}-{example.name}.md"
        result = headroom.compress(example.messages(), model=MODEL)
        (folder / name).write_text(page(example, result), "utf-8")
        done = ", ".join(f"`{t}`" for t in result.transforms_applied)
        saved = f"{100 * result.compression_ratio:.0f} %"
        rows.append(
            f"| [{example.title}]({name}) | {result.tokens_before:,} | {result.tokens_after:,} | {saved} | {done} |"
        )
    heads = "| | tokens before | after | saved | done |\n|---|---:|---:|---:|---|\n"
    (folder / "README.md").write_text(INTRODUCTION + heads + "\n".join(rows) + "\n", "utf-8")


INTRODUCTION = """\
# Whole texts, before and after

Ten real texts of ten kinds at the default level, each with the question it was fetched for, complete, so that you can
judge for yourself whether what is left can be read and whether what matters is left. Each page is one conversation:
what comes first is what the model gets; what it was made from stands below. Where the texts come from is said in
[examples/inputs](../../examples/inputs/README.md).

How to read them:

- `[… 12 lines 13-24]` stands where twelve lines were left out, the 13th to the 24th of their block.
- `[headroom json: …]`, `[headroom search: …]` and the like say that the lines that follow are one block in a shorter
  notation, and how to read it.

`make examples` writes these pages.

"""


def page(example: Example, result: headroom.CompressResult) -> str:
    """One page: what the model gets, then what it was made from."""
    before, after = result.tokens_before, result.tokens_after
    head = f"# {example.title}\n\n"
    if example.question:
        head += f"Asked: *{example.question}*  \nCall: `{example.command}`  \n"
    head += f"{before:,} → {after:,} tokens, {100 * result.compression_ratio:.0f} % less"
    if len(result.messages) > 3:
        new, old = _transcript(result.messages), _transcript(result.original)
    else:
        new, old = _fenced(result.messages[-1]["content"]), _fenced(example.text())
    return f"{head}\n\n## After\n\n{new}\n\n## Before\n\n{old}\n"


def _transcript(messages: Any) -> str:
    """A conversation, message by message."""
    parts = []
    for number, message in enumerate(messages):
        parts.append(f"**{number}. {message['role']}**")
        if message.get("content"):
            text = message["content"]
            parts.append(_fenced(text) if message["role"] == "tool" else text)
        parts += [f"Call: `{json.loads(c['function']['arguments'])['command']}`" for c in message.get("tool_calls", ())]
    return "\n\n".join(parts)


def _fenced(text: str) -> str:
    return f"{FENCE}text\n{text}{'' if text.endswith(chr(10)) else chr(10)}{FENCE}"


if __name__ == "__main__":
    write_examples(*map(Path, sys.argv[1:2]))
