"""Whole texts before and after, from freely licensed sources of this repository, for a person to judge."""

from __future__ import annotations

import json
import pydoc
import subprocess
import sys
import tempfile
import textwrap
from dataclasses import dataclass
from pathlib import Path

import headroom
import inputs
from speed import MODEL

ROOT = Path(__file__).resolve().parent.parent
FENCE = "`````"
"""Longer than any fence in the texts."""


@dataclass(frozen=True)
class Example:
    """One tool output, the call that fetched it, and what was asked."""

    name: str
    title: str
    question: str
    command: str
    body: str


TEST_MODULE = """\
import json
import unittest


def parse(text):
    return json.loads(text)


class TestParse(unittest.TestCase):
{passing}
    def test_trailing_comma(self):
        self.assertEqual(parse('{{"a": 1,}}'), {{"a": 1}})

    def test_order(self):
        self.assertEqual(list(parse('{{"b": 1, "a": 2}}')), ["a", "b"])


if __name__ == "__main__":
    unittest.main()
"""


def examples() -> list[Example]:
    """Ten of them, one per kind and a few more."""
    log = inputs.cut((inputs.EXAMPLES / "postgresql.log").read_text("utf-8"), 14 * inputs.KB)
    prices = json.loads((inputs.EXAMPLES / "model-prices.json").read_text("utf-8"))
    few = json.dumps(dict(list(prices.items())[:18]), indent=2)
    grep = inputs.cut((inputs.EXAMPLES / "grep.txt").read_text("utf-8"), 8 * inputs.KB)
    design = inputs.cut((inputs.EXAMPLES / "aho-corasick-design.md").read_text("utf-8"), 12 * inputs.KB)
    memo = (ROOT / "src" / "select.rs").read_text("utf-8") + (ROOT / "src" / "score" / "bm25.rs").read_text("utf-8")
    return [
        Example("log", "A server's log", inputs.ASKS["log"].question, "cat postgresql.log", log),
        Example("log-no-question", "The same log, nothing asked", "Go on.", "cat postgresql.log", log),
        Example("json", "An answer of an API", inputs.ASKS["json"].question, "curl -s localhost/models", few),
        Example("search", "grep", "Where is `FinderBuilder` defined?", 'grep -rn "Finder" src', grep),
        Example(
            "prose",
            "A design document",
            "Why does the automaton shuffle match states, and what does that buy?",
            "cat DESIGN.md",
            design,
        ),
        Example(
            "diff",
            "A commit",
            "What has changed about the memo?",
            "git show",
            _git("log", "-p", "-1", "--no-color", "--format=medium", "--", "src/memo.rs"),
        ),
        Example(
            "code",
            "Source code",
            "How does bm25 turn term counts into a score?",
            "cat select.rs bm25.rs",
            memo,
        ),
        Example(
            "test-output",
            "A test run",
            "Which tests fail?",
            "python -m unittest -v test_parse",
            _test_output(),
        ),
        Example("listing", "A listing of files", "Where are the benchmarks?", "git ls-files", _git("ls-files")),
        Example(
            "html",
            "A page of HTML",
            "What does textwrap.shorten do?",
            "curl -s localhost/textwrap.html",
            pydoc.HTMLDoc().document(textwrap).replace(str(Path(textwrap.__file__)), "textwrap.py"),
        ),
    ]


def write_examples(folder: Path) -> None:
    """One page per example, and a list of them."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, example in enumerate(examples(), 1):
        name = f"{number:02}-{example.name}.md"
        call = {"name": "shell", "arguments": json.dumps({"command": example.command})}
        messages = [
            {"role": "user", "content": example.question},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c", "type": "function", "function": call}],
            },
            {"role": "tool", "tool_call_id": "c", "content": example.body},
        ]
        result = headroom.compress(messages, model=MODEL)
        decision = result.decisions[-1]
        before, after = decision.tokens_before, decision.tokens_after
        saved = f"{before:,} → {after:,} tokens, {100 * (1 - after / before):.0f} % less"
        done = ", ".join(decision.transforms) or decision.reason
        (folder / name).write_text(
            f"# {example.title}\n\nAsked: {example.question}  \nCall: `{example.command}`  \n"
            f"{saved} ({done})\n\n## After\n\n{_fenced(result.messages[-1]['content'])}\n\n"
            f"## Before\n\n{_fenced(example.body)}\n",
            "utf-8",
        )
        rows.append(f"| [{example.title}]({name}) | {example.question} | {before:,} | {after:,} | {done} |")
    heads = "| text | asked | tokens before | after | done |\n|---|---|---:|---:|---|\n"
    (folder / "README.md").write_text(
        "# Whole examples\n\nTexts before and after, at the default level. Written by `make quality`.\n\n"
        + heads + "\n".join(rows) + "\n",
        "utf-8",
    )  # fmt: skip


def _fenced(text: str) -> str:
    return f"{FENCE}text\n{text}{'' if text.endswith(chr(10)) else chr(10)}{FENCE}"


def _git(*command: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *command], capture_output=True, text=True, check=True)
    return done.stdout


def _test_output() -> str:
    passing = "\n".join(
        f"    def test_number_{i}(self):\n        self.assertEqual(parse('{i}'), {i})\n" for i in range(40)
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_parse.py").write_text(TEST_MODULE.format(passing=passing))
        command = [sys.executable, "-m", "unittest", "-v", "test_parse"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
        return done.stderr.replace(folder, ".").replace(str(Path(json.__file__).parents[1]), "/usr/lib/python3")
