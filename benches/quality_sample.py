"""A small set of cases from the inputs that ship in this repository, so that anybody can run `make quality`.

Each kind has questions by hand, and the records of JSON one that is drawn: a value that stands in one record alone.
Every gold string stands in its payload and not in its question. They are few and easy: they show that the page can
be made, and catch what breaks; they are no measure of quality.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import inputs
from quality_cases import Case, CaseError

RECORDS = 22
"""Records of JSON in each case."""
MIN_VALUE_CHARS = 4
"""A shorter value stands in other values, too."""

ASKED = (
    # kind, file, command, first and last line (1-based), question, gold
    ("log", "postgresql.log", 1, 500, "Which constraint was violated?", ["pgbench_accounts_pkey"]),
    (
        "log",
        "postgresql.log",
        450,
        700,
        "Which role and which database do not exist?",
        ["nobody_here", "nosuchdb"],
    ),
    (
        "log",
        "postgresql.log",
        900,
        1230,
        "Why did the server start again?",
        ["was terminated by signal 9: Killed", "automatic recovery in progress"],
    ),
    (
        "log",
        "postgresql.log",
        1,
        1230,
        "Why did transactions of the shop fail?",
        ["deadlock detected", "pgbench_accounts_pkey", "nobody_here"],
    ),
    ("search", "grep.txt", 1, 281, "Where is `FinderBuilder` defined?", ["pub struct FinderBuilder"]),
    ("search", "grep.txt", 1, 281, "What does the searcher use as `fallback`?", ["arch::all::packedpair::Finder"]),
    ("search", "grep.txt", 100, 281, "In which file does Rabin-Karp implement FinderRev?", ["rabinkarp.rs"]),
    (
        "prose",
        "aho-corasick-design.md",
        211,
        338,
        "Which automaton is used by default, and why?",
        ["orders of magnitude less memory than a DFA"],
    ),
    (
        "prose",
        "aho-corasick-design.md",
        277,
        481,
        "What does premultiplying state identifiers cost?",
        ["smaller limit on the total number of states"],
    ),
    (
        "prose",
        "aho-corasick-design.md",
        338,
        481,
        "Why are there no overlapping searches with leftmost semantics?",
        ["use a subset of all failure transitions"],
    ),
    (
        "prose",
        "aho-corasick-design.md",
        1,
        481,
        "What is used when the haystack is too short for Teddy?",
        ["Rabin-Karp is used instead"],
    ),
)


def cases() -> list[Case]:
    """All of them.

    Raises:
        CaseError: a gold string does not stand in its payload, so an input has changed.
    """
    out = []
    for number, (kind, file, first, last, question, gold) in enumerate(ASKED):
        lines = (inputs.EXAMPLES / file).read_text("utf-8").splitlines(keepends=True)
        payload = "".join(lines[first - 1 : last])
        out.append(_case(f"{kind}-{number}", kind, payload, f"sed -n {first},{last}p {file}", question, gold))
    for number, (payload, question, gold) in enumerate(_records()):
        out.append(_case(f"json-{number}", "json", payload, "curl -s localhost/models", question, gold))
    return out


def _case(name: str, kind: str, payload: str, command: str, question: str, gold: list[str]) -> Case:
    if any(g not in payload.replace("\n", " ") for g in gold):
        raise CaseError(f"{name}: {gold} does not stand in its payload")
    call = {"name": "shell", "arguments": json.dumps({"command": command})}
    messages = [
        {"role": "user", "content": question},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "function", "function": call}]},
        {"role": "tool", "tool_call_id": "c", "content": payload},
    ]
    return Case("sample", name, kind, messages, question, gold, is_any=False)


def _records() -> Iterator[tuple[str, str, list[str]]]:
    models = json.loads((inputs.EXAMPLES / "model-prices.json").read_text("utf-8"))
    names = list(models)
    for first in range(0, len(names), RECORDS):
        part = {name: models[name] for name in names[first : first + RECORDS]}
        payload = json.dumps(part, indent=2)
        values = Counter(str(v) for record in part.values() for v in record.values() if isinstance(v, int | float))
        name, field, value = next(
            (name, field, json.dumps(value))
            for name, record in reversed(part.items())
            for field, value in record.items()
            if isinstance(value, int | float) and values[str(value)] == 1 and len(json.dumps(value)) >= MIN_VALUE_CHARS
        )
        yield payload, f"What is the {field} of {name}?", [value]
