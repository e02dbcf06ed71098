"""The blocks of code in the documentation, and how they are run.

Every block that names Python or a shell is run as it stands, in the order of its page: the Python blocks of a page in
one process, one after the other, so that a later one may use what an earlier one made, and its shell blocks in
one folder. What a reader must have (a provider, a file, a cluster to take a log from) a page names in a comment:

    <!-- run first: python -->        the block below is run and is not part of what a reader sees
    <!-- not run: the reason -->      the block below is not run

A block ```text title="Output"``` is what the block before it prints; a line `…` stands for any lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GENERATED = {"examples", "litellm-entry-points.md", "litellm-providers.md"}
"""Pages that a command writes: no instructions in them."""

PYTHON = {"python", "py"}
SHELL = {"sh", "bash", "shell", "console"}
OUTPUT = 'text title="Output"'

FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,})(?P<info>[^`]*)$")
COMMENT = re.compile(r"<!-- (not run|run first): (.*?)\s*-->", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        page: the page's path in the repository.
        line: 1-based line of the block's fence.
        info: what stands behind the fence, for example "python".
        code: its text, without the fences and the indentation of the fence.
        not_run: why it is not run, if it is not.
    """

    page: str
    line: int
    info: str
    code: str
    not_run: str = ""

    @property
    def language(self) -> str:
        """The first word of `info`."""
        return self.info.split(" ")[0].lower()

    @property
    def is_run(self) -> bool:
        """Whether it says that it is code to run."""
        return self.language in PYTHON | SHELL and not self.not_run


def pages() -> list[str]:
    """Every page with instructions."""
    docs = ROOT / "docs"
    found = [path for path in sorted(docs.rglob("*.md")) if path.relative_to(docs).parts[0] not in GENERATED]
    return ["README.md", "CONTRIBUTING.md", "SECURITY.md", *(path.relative_to(ROOT).as_posix() for path in found)]


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in order; hidden ones (`run first`) stand where their comment stands."""
    found: list[Block] = []
    lines = (ROOT / page).read_text("utf-8").splitlines()
    at = 0
    reason = ""
    while at < len(lines):
        text = lines[at]
        if text.lstrip().startswith("<!-- ") and COMMENT.match(text.lstrip() + _rest(lines, at)):
            match = COMMENT.match(text.lstrip() + _rest(lines, at))
            assert match is not None
            if match[1] == "run first":
                language, _, code = match[2].partition("\n")
                found.append(Block(page, at + 1, language.strip(), code + "\n"))
            else:
                reason = " ".join(match[2].split())
            at += match[0].count("\n") + 1
            continue
        fence = FENCE.match(text)
        if fence is None:
            # A reason belongs to the block right below it.
            reason = reason if not text.strip() else ""
            at += 1
            continue
        end = next(i for i in range(at + 1, len(lines)) if lines[i].strip() == fence["fence"])
        indent = len(fence["indent"])
        code = "".join(line[indent:] + "\n" for line in lines[at + 1 : end])
        found.append(Block(page, at + 1, fence["info"].strip(), code, reason))
        reason = ""
        at = end + 1
    return found


def _rest(lines: list[str], at: int) -> str:
    """The rest of a comment that begins in line `at`."""
    out = ""
    while "-->" not in lines[at] and at + 1 < len(lines):
        at += 1
        out += "\n" + lines[at]
    return out


def matches(expected: str, printed: str) -> bool:
    """Whether this was printed; a line `…` in what is expected stands for any lines, none included."""
    anything, end = r"(?:.*\n)*?", r"[ \t]*\n"
    lines = [line.rstrip() for line in expected.splitlines()]
    pattern = "".join(anything if line == "…" else re.escape(line) + end for line in lines)
    return re.fullmatch(pattern, printed.rstrip("\n") + "\n") is not None
