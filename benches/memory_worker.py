"""Peak memory of one `compress()` in a process of its own.

    python memory_worker.py FILE KIND MAX_THREADS

Prints bytes: resident with the library loaded and used once, peak while the text in FILE is read and
compressed, and the size of the text. Linux only (reads /proc/self/status).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import headroom


def status(field: str) -> int:
    """A memory figure of this process, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(field)


def main() -> None:
    sys.path.insert(0, str(Path(__file__).parent))
    import inputs

    path, kind, threads = sys.argv[1:]
    # Vocabularies and the tables of every kind are in memory once each kind has been met.
    for met in inputs.KINDS:
        headroom.compress(inputs.messages(met, inputs.text(met, 10 * inputs.KB)))
    ask = kind if kind in inputs.ASKS else "log"
    loaded = status("VmRSS")
    body = Path(path).read_text("utf-8")
    with_text = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from what is resident
    result = headroom.compress(inputs.messages(ask, body), model_limit=10**9, max_threads=int(threads))
    out = {
        "loaded": loaded,
        "with_text": with_text,
        "peak": status("VmHWM"),
        "input": len(body.encode()),
        "saved": result.compression_ratio,
    }
    print(json.dumps(out))


if __name__ == "__main__":
    main()
