"""One peer in a process of its own: messages in, messages out, and the time of the call alone.

    python peer_worker.py headroom-ai|litellm

Reads one JSON object per line: {"messages": [...], "model": "...", "options": {...}}, and answers with one:
{"wall": s, "cpu": s, "messages": [...]} or {"error": "..."}. Only public functions of the peers are called.
Runs in the peer's own virtual environment, so it imports nothing of ours.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import sys
import time
import warnings
from typing import Any


def load(peer: str) -> Any:
    """The peer's function (messages, model, **options) -> messages."""
    if peer == "headroom-ai":
        from headroom import compress

        return lambda messages, model, **options: compress(messages, model=model, **options).messages
    if peer == "litellm":
        from litellm.compression import compress as shrink

        return lambda messages, model, **options: shrink(messages, model, **options)["messages"]
    raise SystemExit(f"unknown peer {peer!r}; allowed: headroom-ai, litellm")


def main() -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    # The answers go out on the real stdout; whatever the peer prints goes to stderr.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    began = time.perf_counter()
    function = load(sys.argv[1])
    print(json.dumps({"import_s": time.perf_counter() - began}), file=answers, flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        # The deep copy is ours to pay: a peer may keep or change what it is given.
        messages = copy.deepcopy(job["messages"])
        cpu, wall = time.process_time(), time.perf_counter()
        try:
            out = function(messages, job["model"], **job["options"])
            took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
            answer = took | {"messages": out}
        except Exception as error:  # noqa: BLE001  a peer may fail in any way; the table says so
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
        print(json.dumps(answer, default=str), file=answers, flush=True)


if __name__ == "__main__":
    main()
