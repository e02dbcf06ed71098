"""Writes the first inputs of every fuzz target into fuzz/corpus, from the inputs and fixtures of the repository.

The first byte of an input chooses level, question and file name; the rest is the text. Texts are cut, since a fuzzer
finds more with short inputs.
"""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT / "fuzz" / "corpus"
INPUTS = ROOT / "examples" / "inputs"
FIXTURES = ROOT / "tests" / "code_oracle" / "fixtures"
MAX_BYTES = 3000

TRACE = (
    'Traceback (most recent call last):\n  File "/app/a.py", line 3, in f\n    g()\n'
    '  File "/app/b.py", line 9, in g\n    raise ValueError("bad")\nValueError: bad\n'
)
CODES = "\n".join(f"\x1b[32m ok \x1b[0m test_{i} \x1b[2m({i} ms)\x1b[0m" for i in range(30)) + "\n"
LISTING = "total 40\n" + "".join(f"-rw-r--r-- 1 me me {i * 37} Nov 26 03:0{i % 10} file_{i}.txt\n" for i in range(30))
TREE = "src\n" + "".join(f"├── module_{i}\n│   └── part_{i}.rs\n" for i in range(25))
NUMBERED = "".join(f"{i:6}\tlet value_{i} = compute({i});\n" for i in range(1, 60))
YAML = "services:\n" + "".join(f"  - name: s{i}\n    port: {8000 + i}\n    image: img:{i}\n" for i in range(30))
BOX = "+----+-------+\n| id | name  |\n+----+-------+\n" + "".join(f"| {i:2} | n{i:<4} |\n" for i in range(40))
PASSAGES = "".join(
    f"Document [{i}](Title: River {i}) The river {i} rises in the hills. Its water is cold. It ends at sea {i}.\n\n"
    for i in range(1, 20)
)
RECORDS = json.dumps([{"id": i, "name": f"n{i % 7}", "ok": i % 3 == 0, "tags": ["a", f"t{i % 2}"]} for i in range(40)])
NESTED = json.dumps({f"k{i}": {"type": "s", "price": i / 8, "inner": {"x": None, "y": "é\n"}} for i in range(30)})
LINES = "".join(json.dumps({"ts": i, "level": "info", "msg": f"m {i}"}) + "\n" for i in range(40))


def text(path: Path, start: int = 0) -> str:
    """Part of a file, whole lines."""
    part = path.read_text(encoding="utf-8")[start : start + MAX_BYTES]
    return part[part.find("\n") + 1 if start else 0 : part.rfind("\n") + 1]


def seeds() -> dict[str, list[str]]:
    """Texts by target."""
    log, grep, diff = INPUTS / "postgresql.log", INPUTS / "grep.txt", INPUTS / "commit.diff"
    prices = json.loads((INPUTS / "model-prices.json").read_text())
    few = json.dumps(dict(list(prices.items())[:12]))
    by_kind = {
        "json": [RECORDS, NESTED, LINES, few],
        "table": [text(INPUTS / "models.csv"), BOX, "".join(f"a{i}\tb\t{i}\n" for i in range(60))],
        "log": [text(log), text(log, 40_000), text(INPUTS / "test-run.txt"), TRACE * 8, CODES],
        "search": [text(grep), text(grep, 6000), LISTING, TREE],
        "diff": [text(diff), text(diff, 5000), text(diff).replace("\n", "\r\n")],
        "code": [text(path) for path in sorted(FIXTURES.iterdir())]
        + [text(INPUTS / "ranking.rs.txt"), NUMBERED, text(ROOT / "tests" / "marks.py")],
        "markup": [
            text(INPUTS / "textwrap.html"),
            text(INPUTS / "textwrap.html", 4000),
            "<r>" + '<i n="1">x</i>' * 80 + "</r>\n",
        ],
        "prose": [text(INPUTS / "aho-corasick-design.md"), PASSAGES, text(INPUTS / "aho-corasick-design.md", 9000)],
    }
    all_texts = [texts[0] for texts in by_kind.values()]
    question = "Why does it fail? Please look at this and be brief.\n\n"
    return {
        **by_kind,
        "user": [question + one for one in all_texts] + [f"```\n{text(log)}```\n\n{question}", YAML + question],
        "excerpt": all_texts,
        "splice": ["\xff".join(all_texts[:3]), "\xff".join(all_texts[3:6]), "a\\\"\x01\té\ud83d"],
        "tokens": [*(t[:300] for t in all_texts), "aaaaaaaaa  \n\n  don't WE'LL 12345 日本語 naïve", " " * 90 + "x"],
        "marks": [
            "01234[… 12 lines 13-24]\na\n", "\x00\x01\x00\x05\x00\x03words: x\na\nb\n",
            "01234\x03[headroom json: 2 lines; a,b]\n1,2\n3,4\n"
            '[headroom_retrieve("0123456789abcdef01234567") has the rest]\n',
            "\x00\x00\x00\x00\x00\x04a\nb\nc\nd\ne\nf\r\n",
        ],
        "body": [
            json.dumps({"model": "gpt-4o", "messages": [
                {"role": "user", "content": "why?"},
                {"role": "assistant", "content": None, "tool_calls": [
                    {"id": "1", "type": "function", "function": {"name": "sh", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": "1", "content": text(log)[:2000]}]}),
            json.dumps({"system": "be careful", "messages": [{"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "1", "content": text(grep)[:2000]},
                {"type": "text", "text": "where?", "cache_control": {"type": "ephemeral"}}]}]}, indent=1),
            json.dumps({"instructions": "x", "input": [
                {"type": "function_call", "call_id": "1", "name": "sh", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "1", "output": RECORDS}]}),
            '{"messages":[{"role":"tool","content":"\\ud83d\\u00e9\\/"}],"x":[[[[1e5]]]],"messages2":1.10}',
        ],
    }  # fmt: skip


def main() -> None:
    for target, texts in seeds().items():
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        for i, one in enumerate(texts):
            # Balanced, with a question where the target has one; code gets the name of a file in its language.
            first = bytes([4 + 8 * (i % 8)]) if target not in ("marks",) else b""
            data = one.encode("utf-8", "surrogatepass")
            data = data.replace("\xff".encode(), b"\xff") if target == "splice" else data
            (folder / f"seed-{i:02}").write_bytes(first + data)


if __name__ == "__main__":
    main()
