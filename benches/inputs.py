"""Real text of every kind at any size, from what every checkout and every Python has.

    log      examples/inputs/postgresql.log (160 KB)
    json     examples/inputs/model-prices.json (85 KB, an answer of an API)
    search   what `grep -rn` prints over Python's standard library
    diff     `git log -p` of this repository, less the files in which marks of ours are quoted
    code     modules of Python's standard library, one after the other
    prose    the documents of the crates this repository builds with, and of Python's own help

Where the source is larger than what is asked for, the text is its beginning, cut at a line. Where it is
smaller, it is grown by laps: a lap repeats the source with its times moved on, its other numbers and hex
digests drawn anew, and one word of five letters or more in eight replaced by another word of the source.
Plain
repetition would be no test: templates, back-references and the memo would see through it. Everything is
drawn from a seed, so that two runs on one machine measure the same bytes.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import random
import re
import subprocess
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "bench-inputs"
EXAMPLES = ROOT / "examples" / "inputs"

KB = 1000
MB = 1000 * KB
WORDS_REPLACED = 1 / 8
"""Share of the words that a lap replaces: enough that hardly a line of prose stays the same."""


@dataclass(frozen=True)
class Ask:
    """What is asked of a text, and the call that fetched it."""

    question: str
    tool: str
    arguments: str


ASKS = {
    "log": Ask(
        "Why did some transactions of the shop fail, and which role was refused?",
        "shell",
        '{"command": "cat /var/log/postgresql/postgresql.log"}',
    ),
    "json": Ask(
        "What does gpt-4.1-mini cost per input token and how many tokens does it take?",
        "http_get",
        '{"url": "http://localhost:4000/public/litellm_model_cost_map"}',
    ),
    "search": Ask("Where does the JSON decoder raise its error?", "shell", '{"command": "grep -rn \\"raise\\" ."}'),
    "diff": Ask("What has changed in the way marks are written?", "shell", '{"command": "git log -p"}'),
    "code": Ask("How does add_argument check that nargs fits the action?", "shell", '{"command": "cat argparse.py"}'),
    "prose": Ask(
        "What does the automaton do about overlapping matches, and when is it slow?",
        "search_documents",
        '{"query": "overlapping matches of an automaton"}',
    ),
}
KINDS = tuple(ASKS)

STAMP = re.compile(r"\b(\d{4})-(\d\d)-(\d\d)([T ])(\d\d):(\d\d):(\d\d)")
TOKEN = re.compile(
    r"(?P<stamp>\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)"
    r"|(?P<hex>\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,64}\b)"
    r"|(?P<number>(?<![\w.])\d{2,18}(?![\w]))"
    r"|(?P<word>\b[A-Za-z]{5,}\b)"
)


def text(kind: str, size: int) -> str:
    """`size` bytes of real text of `kind`, less the rest of the last line. Cached under .cache."""
    source = _source(kind)
    name = f"{kind}-{size}-{hashlib.sha256(source.encode()).hexdigest()[:12]}.txt"
    path = CACHE / name
    if path.exists():
        return path.read_text("utf-8")
    out = _grow_json(source, size) if kind == "json" else _grow(source, size)
    CACHE.mkdir(parents=True, exist_ok=True)
    path.write_text(out, "utf-8")
    return out


def messages(kind: str, body: str) -> list[dict[str, Any]]:
    """A question, a tool call, and `body` as the tool's output."""
    ask = ASKS[kind]
    call = {"id": "call_1", "type": "function", "function": {"name": ask.tool, "arguments": ask.arguments}}
    return [
        {"role": "user", "content": ask.question},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": body},
    ]


def variant(kind: str, size: int, number: int) -> str:
    """Another text like `text(kind, size)` that shares hardly a line with it, for what remembers texts."""
    source = cut(_source(kind), size) if kind != "json" else _source(kind)
    if kind == "json":
        return _grow_json(source, size, first_lap=number)
    return cut(vary(source, number), size)


def cut(body: str, size: int) -> str:
    """The beginning of `body`: at most `size` bytes of whole lines."""
    raw = body.encode()
    if len(raw) <= size:
        return body
    end = raw.rfind(b"\n", 0, size) + 1
    return raw[: end or size].decode("utf-8", "ignore")


def _grow(source: str, size: int) -> str:
    parts, have = [source], len(source.encode())
    lap = 0
    while have < size:
        lap += 1
        parts.append(vary(source, lap))
        have += len(parts[-1].encode())
    return cut("".join(parts), size)


def vary(source: str, lap: int) -> str:
    """`source` with times moved on by `lap` days, and other numbers, digests and words than before."""
    draw = random.Random(lap)
    words = [m.group() for m in TOKEN.finditer(source[: 200 * KB]) if m.lastgroup == "word"] or ["other"]
    moved = dt.timedelta(days=lap)

    def other(m: re.Match[str]) -> str:
        was = m.group()
        match m.lastgroup:
            case "stamp":
                try:
                    return str(dt.datetime.fromisoformat(was) + moved).replace(" ", was[10])
                except (ValueError, OverflowError):
                    return was
            case "hex":
                return f"{draw.getrandbits(4 * len(was)):0{len(was)}x}"
            case "number":
                return was[0] + "".join(draw.choices("0123456789", k=len(was) - 1))
            case _:
                return draw.choice(words) if draw.random() < WORDS_REPLACED else was

    return TOKEN.sub(other, source)


def _grow_json(source: str, size: int, first_lap: int = 0) -> str:
    """Records of the answer, then the same records under other names and with other prices. Valid JSON."""
    records: dict[str, Any] = json.loads(source)
    out: dict[str, Any] = {}
    have, lap = 4, first_lap
    while True:
        draw = random.Random(lap)
        for name, record in records.items():
            if lap:
                name = f"{name}-{draw.getrandbits(20):05x}"
                record = {k: _other_value(v, draw) for k, v in record.items()}
            have += len(json.dumps({name: record}, indent=2)) - 2
            if have > size:
                return json.dumps(out, indent=2)
            out[name] = record
        lap += 1


def _other_value(value: Any, draw: random.Random) -> Any:
    if isinstance(value, bool) or draw.random() < 0.5:
        return value
    if isinstance(value, int):
        return value * draw.choice((1, 2, 4)) + draw.randrange(8)
    if isinstance(value, float):
        return float(f"{value * draw.uniform(0.5, 2):.3g}")
    return value


def _source(kind: str) -> str:
    if kind not in _SOURCES:
        _SOURCES[kind] = {
            "log": lambda: (EXAMPLES / "postgresql.log").read_text("utf-8"),
            "json": lambda: (EXAMPLES / "model-prices.json").read_text("utf-8"),
            "search": _search,
            "diff": _diff,
            "code": _code,
            "prose": _prose,
        }[kind]()
    return _SOURCES[kind]


_SOURCES: dict[str, str] = {}


def _modules() -> Iterator[tuple[str, str]]:
    """Modules of the standard library, `argparse` first, then by path; packages of others left out."""
    root = Path(sysconfig.get_paths()["stdlib"])
    paths = [p for p in root.rglob("*.py") if not {"site-packages", "dist-packages"} & set(p.parts)]
    for path in sorted(paths, key=lambda p: (p != root / "argparse.py", p.relative_to(root))):
        try:
            yield path.relative_to(root).as_posix(), path.read_text("utf-8")
        except UnicodeDecodeError:
            continue


def _code() -> str:
    """The modules, `argparse` first, the others in no order: those beside each other are alike (tables of
    `encodings`, tests), and a text of twice the size should be one of the same sort."""
    first, *others = _modules()
    others.sort(key=lambda module: hashlib.sha256(module[0].encode()).digest())
    return "".join(body for _, body in (first, *others))


def _search() -> str:
    """`grep -rn raise .` and, where more is asked for, of other words, in the order grep prints."""
    modules = list(_modules())
    out = []
    for word in ("raise", "return", "self", "import", "None"):
        for path, body in modules:
            lines = enumerate(body.splitlines(), 1)
            out += [f"{path}:{n}:{line}\n" for n, line in lines if word in line]
    return "".join(out)


def _diff() -> str:
    """The repository's history."""
    log = ["git", "-C", str(ROOT), "log", "-p", "--no-color", "--no-ext-diff", "--", "src", "python", "tests"]
    done = subprocess.run(log, capture_output=True, check=False)
    if done.returncode == 0 and len(done.stdout) > 100 * KB:
        # Text with marks in it counts as compressed already and is left alone.
        files = re.split(r"(?m)^(?=diff --git |commit [0-9a-f]{40}$)", done.stdout.decode("utf-8", "replace"))
        return "".join(f for f in files if "[…" not in f and "[headroom" not in f)
    raise RuntimeError("the diffs are this repository's history: run the benchmarks in a clone of it")


def _is_written(document: str) -> bool:
    """Whether seven of ten bytes are in lines of words: lists of changes are addresses, references are examples."""
    lines = document.splitlines()
    word = re.compile(r"(?<!\S)[A-Za-z,.;:'()-]+(?!\S)")
    words = (line for line in lines if len(word.findall(line)) >= 0.7 * len(line.split()))
    written = sum(len(line) for line in words if not line.startswith(("    ", "|", "```")))
    return written >= 0.7 * sum(len(line) for line in lines)


def _prose() -> str:
    """The documents that are written language, the example first, the others in no order, as of `_code`."""
    import pydoc_data.topics

    listing = [
        "cargo",
        "metadata",
        "--format-version",
        "1",
        "--offline",
        "--manifest-path",
        str(ROOT / "Cargo.toml"),
    ]
    done = subprocess.run(listing, capture_output=True, check=True)
    crates = sorted(Path(p["manifest_path"]).parent for p in json.loads(done.stdout)["packages"])
    paths = [path for crate in crates if crate != ROOT for path in sorted(crate.glob("*.md"))]
    others = [p.read_text("utf-8", "replace") for p in paths if "LICENSE" not in p.name]
    others = [document for document in (*others, *pydoc_data.topics.topics.values()) if _is_written(document)]
    others.sort(key=lambda document: hashlib.sha256(document.encode()).digest())
    return "\n\n".join([(EXAMPLES / "aho-corasick-design.md").read_text("utf-8"), *others])
