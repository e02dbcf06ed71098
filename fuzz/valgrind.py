"""Every kind of text through the installed module, small enough for valgrind: `make valgrind`."""

from __future__ import annotations

import json
from pathlib import Path

import headroom
from headroom import _core
from headroom.compression import compress_body

INPUTS = Path(__file__).resolve().parents[1] / "examples" / "inputs"
MAX_CHARS = 12_000


def compress(text: str, level: str, threads: int) -> int:
    """Compresses, decodes what was re-encoded, and returns the number of edits."""
    call = {"id": "1", "type": "function", "function": {"name": "sh", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "which role was refused?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": text},
    ]
    options = {"level": level, "max_threads": threads, "min_tokens": 0, "retrieval": True, "retrieval_key": b"key"}
    done = headroom.compress(messages, store=False, **options)
    headroom.expand(done.messages[-1]["content"])
    return sum(decision.action == "compressed" for decision in done.decisions)


def main() -> None:
    edits = 0
    for path in sorted(INPUTS.iterdir()):
        text = path.read_text(encoding="utf-8")[:MAX_CHARS]
        for level, threads in (("lossless", 1), ("balanced", 2)):
            edits += compress(text, level, threads)
        _core.excerpt(text, "role error", 200, "gpt-4o")
        headroom.count_tokens(text, "gpt-4")
        body = {"model": "gpt-4o", "messages": [{"role": "tool", "tool_call_id": "1", "content": text}]}
        compress_body(json.dumps(body).encode(), min_tokens=0)
    _core.clear_memo()
    assert edits > 10, edits
    print(f"{edits} texts were changed")


if __name__ == "__main__":
    main()
