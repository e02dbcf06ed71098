"""Requests for the tests: conversations in three dialects, over real inputs and generated ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

INPUTS = Path(__file__).parent.parent / "examples" / "inputs"
REAL = {p.name: p.read_text(encoding="utf-8") for p in sorted(INPUTS.iterdir()) if p.name != "README.md"}
"""The real inputs that ship with the repository."""

Turn = tuple[str, str, str]
"""(question, or "" to let the agent go on; tool arguments; tool output)"""


def chat(turns: list[Turn]) -> list[dict[str, Any]]:
    """OpenAI chat messages of an agent's conversation."""
    out: list[dict[str, Any]] = [{"role": "system", "content": "You are a careful engineer. Answer from the output."}]
    for i, (question, arguments, output) in enumerate(turns):
        if question:
            out.append({"role": "user", "content": question})
        call = {"id": f"call_{i}", "type": "function", "function": {"name": "shell", "arguments": arguments}}
        out.append({"role": "assistant", "content": f"Step {i}.", "tool_calls": [call]})
        out.append({"role": "tool", "tool_call_id": f"call_{i}", "content": output})
    return out


def anthropic(turns: list[Turn]) -> list[dict[str, Any]]:
    """The same as Anthropic Messages."""
    out: list[dict[str, Any]] = []
    for i, (question, arguments, output) in enumerate(turns):
        if question:
            out.append({"role": "user", "content": [{"type": "text", "text": question}]})
        use = {"type": "tool_use", "id": f"toolu_{i}", "name": "shell", "input": {"cmd": arguments}}
        out.append({"role": "assistant", "content": [{"type": "text", "text": f"Step {i}."}, use]})
        block = {
            "type": "tool_result",
            "tool_use_id": f"toolu_{i}",
            "content": [{"type": "text", "text": output}],
        }
        out.append({"role": "user", "content": [{**block, "cache_control": {"type": "ephemeral"}}]})
    return out


def responses(turns: list[Turn]) -> list[dict[str, Any]]:
    """The same as Responses input items."""
    out: list[dict[str, Any]] = []
    for i, (question, arguments, output) in enumerate(turns):
        if question:
            out.append({"type": "message", "role": "user", "content": [{"type": "input_text", "text": question}]})
        out.append({"type": "function_call", "call_id": f"call_{i}", "name": "shell", "arguments": arguments})
        out.append({"type": "function_call_output", "call_id": f"call_{i}", "output": output})
    return out


DIALECTS = {"chat": chat, "anthropic": anthropic, "responses": responses}


def is_models(message: dict[str, Any]) -> bool:
    """Whether the model produced this item."""
    return message.get("role") == "assistant" or message.get("type") == "function_call"


def from_first_answer(turns: list[Turn]) -> list[dict[str, Any]]:
    """`chat(turns)` without what comes before the model's first answer."""
    messages = chat(turns)
    return messages[next(i for i, m in enumerate(messages) if is_models(m)) :]


def strings(value: Any) -> list[str]:
    """Every string of a message, in order."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [s for item in value.values() for s in strings(item)]
    return [s for item in value for s in strings(item)] if isinstance(value, list) else []


# --- generated payloads -----------------------------------------------------------------------

WORDS = [
    "connection",
    "pool",
    "worker",
    "request",
    "timeout",
    "retry",
    "user",
    "session",
    "cache",
    "index",
    "shard",
    "replica",
    "token",
    "queue",
    "file",
    "payload",
    "header",
    "upstream",
    "database",
    "transaction",
    "commit",
    "rollback",
    "metric",
    "latency",
    "budget",
    "socket",
    "thread",
]
word = st.sampled_from(WORDS)
number = st.integers(0, 10**6)


@st.composite
def log_text(draw: st.DrawFn) -> str:
    """A log: few templates, many lines, some errors, perhaps a traceback."""
    templates = draw(st.lists(st.lists(word, min_size=3, max_size=8), min_size=1, max_size=5))
    lines = []
    for i in range(draw(st.integers(20, 150))):
        level = draw(st.sampled_from(["INFO"] * 12 + ["WARN", "ERROR", "DEBUG"]))
        words = list(draw(st.sampled_from(templates)))
        words.insert(1, str(draw(number)))
        lines.append(f"2026-03-04 05:{i // 60:02d}:{i % 60:02d},123 {level} [{draw(word)}] {' '.join(words)}")
        if level == "ERROR" and draw(st.booleans()):
            lines += [
                "Traceback (most recent call last):",
                f'  File "/srv/{draw(word)}.py", line {draw(number)}, in run',
            ]
            lines += ["    raise ValueError(x)", f"ValueError: {draw(word)} {draw(number)}"]
    return "\n".join(lines) + draw(st.sampled_from(["", "\n"]))


@st.composite
def json_text(draw: st.DrawFn) -> str:
    """An array of records, wrapped or not, as an API or a command line prints it."""
    keys = draw(st.lists(word, min_size=2, max_size=7, unique=True))
    scalar = st.one_of(number, st.booleans(), st.none(), word, st.floats(-1e6, 1e6), st.text(max_size=12))
    columns = {key: draw(st.lists(scalar, min_size=1, max_size=4)) for key in keys}
    rows = []
    for i in range(draw(st.integers(5, 60))):
        row: dict[str, Any] = {"id": f"{draw(word)}-{i}"}
        row |= {key: draw(st.sampled_from(values)) for key, values in columns.items() if draw(st.integers(0, 9))}
        rows.append(row)
    value: Any = rows if draw(st.booleans()) else {"total": len(rows), "items": rows}
    return json.dumps(value, indent=draw(st.sampled_from([None, 2, 4])), ensure_ascii=draw(st.booleans()))


@st.composite
def prose_text(draw: st.DrawFn) -> str:
    """Retrieved passages."""
    sentence = st.lists(word, min_size=5, max_size=14).map(lambda w: " ".join(w).capitalize() + ".")
    passages = []
    for i in range(draw(st.integers(3, 10))):
        body = " ".join(draw(st.lists(sentence, min_size=2, max_size=8)))
        passages.append(f"Document [{i + 1}](Title: {draw(word)} {i}) {body}")
    return "\n".join(passages)


@st.composite
def grep_text(draw: st.DrawFn) -> str:
    """`grep -rn` output."""
    lines = []
    for i in range(draw(st.integers(2, 12))):
        at = 0
        for _ in range(draw(st.integers(1, 12))):
            at += draw(st.integers(1, 80))
            lines.append(f"src/{draw(word)}_{i}/{draw(word)}.py:{at}:    {draw(word)}({draw(word)}, {draw(number)})")
    return "\n".join(lines) + "\n"


@st.composite
def diff_text(draw: st.DrawFn) -> str:
    """`git show` output: several files, hunks with context, perhaps a lock file."""
    out = ["commit 1f2e3d4c", "Author: A <a@example.org>", "", f"    {draw(word)} {draw(word)}", ""]
    for i in range(draw(st.integers(1, 6))):
        path = draw(st.sampled_from([f"src/{draw(word)}_{i}.py", "Cargo.lock", f"docs/{draw(word)}.md"]))
        out += [
            f"diff --git a/{path} b/{path}",
            "index 95eb42b..3ce97fe 100644",
            f"--- a/{path}",
            f"+++ b/{path}",
        ]
        at, shift = 1, 0
        for _ in range(draw(st.integers(1, 4))):
            at += draw(st.integers(5, 60))
            signs = [" "] * 3 + draw(st.lists(st.sampled_from("+- "), min_size=1, max_size=12)) + ["+", " ", " ", " "]
            body = [f"{sign}    {draw(word)} = {draw(word)}({draw(number)})" for sign in signs]
            old, new = (sum(sign in kind for sign in signs) for kind in ("- ", "+ "))
            out += [f"@@ -{at},{old} +{at + shift},{new} @@ def {draw(word)}():", *body]
            at, shift = at + old, shift + new - old
    return "\n".join(out) + draw(st.sampled_from(["", "\n"]))


@st.composite
def table_text(draw: st.DrawFn) -> str:
    """A table as `kubectl get`, `psql` or an export prints it."""
    states = draw(st.lists(word, min_size=1, max_size=3))
    rows = [
        (f"{draw(word)}-{i}", draw(st.sampled_from(states)), str(draw(number)), draw(word))
        for i in range(draw(st.integers(6, 40)))
    ]
    head = ("NAME", "STATUS", "COUNT", "OWNER")
    style = draw(st.sampled_from(["columns", "bars", "csv"]))
    if style == "csv":
        return "".join(",".join(row) + "\n" for row in [tuple(h.lower() for h in head), *rows])
    if style == "columns":
        return "".join(f"{a:<20}{b:<14}{c:>8}  {d}\n" for a, b, c, d in [head, *rows])
    lines = [f"| {a:<20} | {b:<12} | {c:>8} | {d:<12} |" for a, b, c, d in [head, *rows]]
    return "\n".join([lines[0], f"|{'-' * 22}|{'-' * 14}|{'-' * 10}|{'-' * 14}|", *lines[1:]])


@st.composite
def xml_text(draw: st.DrawFn) -> str:
    """An XML list, some of whose records have an element more."""
    rows = [
        f'  <item id="{i}">\n    <name>{draw(word)}</name>\n'
        + ("    <note>late</note>\n" if draw(st.integers(0, 9)) == 0 else "")
        + f"    <price>{draw(number)}</price>\n  </item>\n"
        for i in range(draw(st.integers(8, 40)))
    ]
    return "<items>\n" + "".join(rows) + "</items>\n"


@st.composite
def wrapped_text(draw: st.DrawFn) -> str:
    """What a command printed, as a string of JSON."""
    output = draw(st.one_of(log_text(), grep_text(), table_text(), diff_text(), prose_text()))
    return json.dumps({"stdout": output, "exit_code": draw(st.integers(0, 2))}, ensure_ascii=draw(st.booleans()))


payload = st.one_of(
    log_text(),
    table_text(),
    xml_text(),
    wrapped_text(),
    json_text(),
    prose_text(),
    grep_text(),
    diff_text(),
    st.sampled_from(sorted(REAL.values())),
    st.text(max_size=1500),
)
question = st.one_of(
    st.just(""),
    st.lists(word, min_size=2, max_size=6).map(lambda w: f"What happened to the {' '.join(w)}?"),
    st.builds(lambda w, n: f'Which entry says "{w} {n}"?', word, number),
    st.text(max_size=60),
)
turn = st.tuples(question, st.builds(lambda w: json.dumps({"cmd": f"show {w}"}), word), payload)
turns = st.lists(turn, min_size=1, max_size=4)
