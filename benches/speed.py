"""The measurements of `make bench`, one function each. All return plain data for the result file.

The bounds they are held against stand in `run.py`. A text is compressed *cold* when the process's memo of
texts
and of their counts is empty, *warm* when the same request was made before.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import headroom
import hostile
import inputs
import peers
import pure_python
from conversation import conversation, requests
from headroom import _core
from timing import in_turns, medians, once, slope_per_doubling

MODEL = "gpt-4o"
NO_LIMIT = 10**9
"""`model_limit` of measurements: a text of 1 MB would be squeezed to fit a context window otherwise."""

ROUNDS = {10 * inputs.KB: 41, 100 * inputs.KB: 25, inputs.MB: 7, 20 * inputs.MB: 3}
PEER_ROUNDS = {10 * inputs.KB: 7, 100 * inputs.KB: 7, inputs.MB: 3, 20 * inputs.MB: 1}
PEER_KINDS = {20 * inputs.MB: ("log", "json")}
"""Kinds that peers are timed on at that size; one call there takes them half a minute."""
MAX_SECONDS = 15
"""No series of rounds takes much longer."""


def encoding() -> Any:
    """tiktoken's o200k_base, without a download where litellm is installed."""
    peers.use_local_vocabularies()
    import tiktoken

    return tiktoken.get_encoding("o200k_base")


def compress(messages: list[dict[str, Any]], threads: int = 1) -> headroom.CompressResult:
    """One call as the measurements make it."""
    return headroom.compress(messages, model=MODEL, model_limit=NO_LIMIT, max_threads=threads)


def one_text(kind: str, size: int, rounds: int | None = None) -> dict[str, Any]:
    """Cold, warm, tiktoken's count, and for logs the pure-Python selection: times, savings, correctness."""
    body, enc = inputs.text(kind, size), encoding()
    messages = inputs.messages(kind, body)
    question = inputs.ASKS[kind].question

    def tokens(text: str) -> int:
        return len(enc.encode_ordinary(text))

    actions: dict[str, Callable[[], Any]] = {
        "cold": lambda: compress(messages),
        "warm": lambda: compress(messages),
        "cold_all_threads": lambda: compress(messages, threads=0),
        "count": lambda: headroom.count_tokens(body, MODEL),
        "tiktoken": lambda: tokens(body),
    }
    if kind == "log":
        actions["pure_python"] = lambda: pure_python.compress_log(body, question, tokens)
    cold = {"cold": _core.clear_memo, "cold_all_threads": _core.clear_memo}
    times = in_turns(actions, rounds or ROUNDS[size], cold, MAX_SECONDS)
    return {"kind": kind, "bytes": len(body.encode())} | _checked(messages, tokens) | {
        "times": {name: t.as_json() for name, t in times.items()},
        "ratio_to_tiktoken": round(times["cold"].cpu / times["tiktoken"].cpu, 3),
        "warm_to_tiktoken": round(times["warm"].cpu / times["tiktoken"].cpu, 3),
        "count_faster_than_tiktoken": round(times["tiktoken"].cpu / times["count"].cpu, 1),
    }  # fmt: skip


def _checked(messages: list[dict[str, Any]], tokens: Callable[[str], int]) -> dict[str, Any]:
    """Correctness beside time: counts against tiktoken's, idempotence, omissions that stood there."""
    result = compress(messages)
    before, after = messages[-1]["content"], result.messages[-1]["content"]
    decision = result.decisions[-1]
    return {
        "recognised": decision.reason,
        "transforms": list(decision.transforms),
        "tokens_before": decision.tokens_before,
        "tokens_after": decision.tokens_after,
        "saved": round(1 - decision.tokens_after / decision.tokens_before, 4),
        "correct": {
            "counts_equal_tiktoken": decision.tokens_before == tokens(before),
            "never_more_tokens": tokens(after) <= tokens(before),
            "again_changes_nothing": compress(result.messages).messages == result.messages,
            "omitted_stood_there": all(o.text in before for o in result.omitted[:1000]),
        },
    }


def peer_times(sizes: Iterable[int]) -> list[dict[str, Any]]:
    """Each peer on texts it has not seen, beside ours on the same texts, cold, in turns."""
    out = []
    for name, python in (
        (peers.HEADROOM_AI, peers.install_headroom_ai()),
        (peers.LITELLM, Path(sys.executable)),
    ):
        if python is None:
            out.append({"peer": name, "error": "could not be installed"})
            continue
        for size in sizes:
            with peers.Peer(name, python) as peer:
                for kind in inputs.KINDS:
                    if kind in PEER_KINDS.get(size, inputs.KINDS):
                        out.append(_peer_on(peer, kind, size))
    return out


def _peer_on(peer: peers.Peer, kind: str, size: int) -> dict[str, Any]:
    enc = encoding()
    options = {}
    theirs, ours, shares, error = [], [], [], None
    began = time.perf_counter()
    for number in range(PEER_ROUNDS[size] + 1):
        body = inputs.variant(kind, size, 100 + number)
        messages = inputs.messages(kind, body)
        if peer.name == peers.LITELLM:
            # It does nothing below a trigger that is 200,000 tokens by default: told to halve what it gets.
            options = {"compression_trigger": 1, "compression_target": len(enc.encode_ordinary(body)) // 2}
        answer = peer.compress(messages, MODEL, **options)
        _core.clear_memo()
        mine = once(lambda messages=messages: compress(messages))
        if "error" in answer:
            error = answer["error"]
            break
        after = str(answer["messages"][-1].get("content"))
        shares.append(1 - len(enc.encode_ordinary(after)) / len(enc.encode_ordinary(body)))
        if number or PEER_ROUNDS[size] == 1:  # the first text warms up
            theirs.append((answer["wall"], answer["cpu"]))
            ours.append(mine)
        if theirs and (PEER_ROUNDS[size] == 1 or time.perf_counter() - began > MAX_SECONDS):
            break
    out: dict[str, Any] = {"peer": peer.name, "kind": kind, "bytes": size}
    if not theirs:
        return out | {"error": error}
    their, our = medians(theirs), medians(ours)
    # What a peer's threads burn beside is left out of the comparison, in its favour.
    least = min(their.wall, their.cpu)
    return out | {
        "times": their.as_json(),
        "ours": our.as_json(),
        "saved": round(statistics.median(shares), 4),
        "ours_faster": round(least / our.cpu, 1),
    }


def conversation_times(rounds: int = 5, turns: int = 60, size: int = 800 * inputs.KB) -> dict[str, Any]:
    """All turns of a conversation, each sending everything so far, against its last request once, cold."""
    messages = conversation(turns, size)
    sent = requests(messages)

    def all_turns() -> None:
        for request in sent:
            compress(request)

    times = in_turns(
        {"last_cold": lambda: compress(sent[-1]), "all_turns": all_turns},
        rounds,
        {"last_cold": _core.clear_memo, "all_turns": _core.clear_memo},
        2 * MAX_SECONDS,
    )
    # The hash of every byte sent is the floor for anything that recognises what it has seen.
    last = compress(sent[-1])
    prefix_stable = all(
        compress(request).messages == last.messages[: len(request)] for request in sent[:: max(1, turns // 6)]
    )
    return {
        "turns": turns,
        "bytes": sum(len(m["content"].encode()) for m in messages if m["role"] == "tool"),
        "bytes_sent": sum(len(m["content"].encode()) for r in sent for m in r if m["role"] == "tool"),
        "times": {name: t.as_json() for name, t in times.items()},
        "saved": round(last.compression_ratio, 4),
        "correct": {"prefix_stable": prefix_stable},
        "ratio": round(times["all_turns"].cpu / times["last_cold"].cpu, 3),
    }


def growth(sizes: list[int], rounds: int = 5) -> list[dict[str, Any]]:
    """Time over size for every kind and for hostile inputs, with the slope per doubling.

    Each round has a slope of its own, fitted to all sizes one right after the other, and the median of them is
    told: a machine that gets slower between two rounds, or once within one, does not bend it.
    """
    makers: dict[str, Callable[[int], str]] = {
        kind: (lambda size, kind=kind: inputs.text(kind, size)) for kind in inputs.KINDS
    }
    out = []
    for name, make in (makers | hostile.HOSTILE).items():
        ask = name if name in inputs.ASKS else "log"
        requests = {size: inputs.messages(ask, make(size)) for size in sizes}
        actions = {str(size): (lambda m=m: compress(m)) for size, m in requests.items()}
        clear = dict.fromkeys(actions, _core.clear_memo)
        began = time.perf_counter()
        turns = []
        while len(turns) < rounds and (not turns or time.perf_counter() - began < MAX_SECONDS):
            turns.append(in_turns(actions, 1, clear))
        slopes = [slope_per_doubling({size: turn[str(size)].cpu for size in sizes}) for turn in turns]
        times = {size: medians([(turn[size].wall, turn[size].cpu) for turn in turns]) for size in actions}
        out.append(
            {
                "input": name,
                "hostile": name in hostile.HOSTILE,
                "slope_per_doubling": round(statistics.median(slopes), 3),
                "times": {size: t.as_json() for size, t in times.items()},
                "mb_per_s": round(sizes[-1] / inputs.MB / times[str(sizes[-1])].cpu, 1),
                "reason": compress(requests[sizes[0]]).decisions[-1].reason,
            }
        )
    return out


def memory(size: int, threads: int = 0) -> list[dict[str, Any]]:
    """Peak memory above the loaded library, over the size of the input (the input itself included)."""
    worker = Path(__file__).with_name("memory_worker.py")
    out = []
    for name in (*inputs.KINDS, *hostile.HOSTILE):
        body = inputs.text(name, size) if name in inputs.ASKS else hostile.HOSTILE[name](size)
        # Vocabularies and the tables of every kind are in memory once each kind has been met.
        ask = name if name in inputs.ASKS else "log"
        met = [inputs.messages(kind, inputs.text(kind, 10 * inputs.KB)) for kind in (*inputs.KINDS, ask)]
        with (
            tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as file,
            tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".json") as requests,
        ):
            file.write(body)
            file.flush()
            json.dump(met, requests)
            requests.flush()
            ran = [sys.executable, str(worker), file.name, requests.name, str(threads)]
            done = subprocess.run(ran, capture_output=True, text=True, check=True)
        seen = json.loads(done.stdout)
        above = seen["peak"] - seen["loaded"]
        beyond = seen["peak"] - seen["with_text"]
        out.append(
            {
                "input": name,
                "bytes": seen["input"],
                "peak_over_input": round(above / seen["input"], 2),
                "ours_over_input": round(beyond / seen["input"], 2),
                "string_over_input": round(seen["string"] / seen["input"], 2),
                "peak_mb": round(above / inputs.MB, 1),
            }
        )
    return out


HASHES = {"blake2b": hashlib.blake2b, "sha256": hashlib.sha256}
"""What a second core brings to work without memory or locks. BLAKE2b is the control: like ours it fills a core's
ordinary units, so it loses as we do where two cores of a machine share them, or the clock. SHA-256 has instructions of
its own, each of which waits for the one before; two of them never meet, and it gains the same on half a core."""


def threads(rounds: int = 31) -> dict[str, Any]:
    """What a second thread brings with inner parallelism off, over what it brings to hashing in the same round."""
    # Two lots of different texts of every kind, so that no thread finds another's work in the memo.
    lots = [
        [inputs.messages(kind, inputs.variant(kind, 300 * inputs.KB, lot)) for kind in inputs.KINDS] for lot in (1, 2)
    ]
    data = bytes(24 * inputs.MB)

    def compress_lot(lot: int) -> None:
        for messages in lots[lot]:
            compress(messages)

    def count_lot(lot: int) -> None:
        for messages in lots[lot]:
            headroom.count_tokens(messages[-1]["content"], MODEL)

    works: dict[str, Callable[[int], object]] = {"compress": compress_lot, "count": count_lot}
    for name, new in HASHES.items():
        works[name] = lambda _, new=new: new(data).digest()

    def alone(work: Callable[[int], object]) -> float:
        _core.clear_memo()
        return once(lambda: [work(lot) for lot in (0, 1)] and None)[0]

    def together(work: Callable[[int], object]) -> float:
        _core.clear_memo()
        both = [threading.Thread(target=work, args=(lot,)) for lot in (0, 1)]

        def run() -> None:
            for thread in both:
                thread.start()
            for thread in both:
                thread.join()

        return once(run)[0]

    gains: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        serial = {name: alone(work) for name, work in works.items()}
        for name, work in works.items():
            gains[name].append(serial[name] / together(work))
    # Another's work on the second core hits all of a round, and not the same in the next one.
    ours = gains["compress"]
    ratios = {
        name: round(statistics.median(gain / control for gain, control in zip(ours, gains[name], strict=True)), 3)
        for name in HASHES
    }
    return {
        "rounds": rounds,
        "gain": {name: round(statistics.median(seen), 3) for name, seen in gains.items()},
        "ratio": ratios,
    }


IMPORT = """
import time
wall, cpu = time.perf_counter(), time.process_time()
{statement}
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
rss = next(l for l in open("/proc/self/status") if l.startswith("VmRSS")).split()[1]
print(wall, cpu, int(rss) * 1024)
"""


def importing(rounds: int = 15) -> dict[str, Any]:
    """`import headroom` and the first call, in fresh processes, above bare Python."""
    statements = {
        "bare": "pass",
        "import": "import headroom",
        "first_call": "import headroom; headroom.count_tokens('The first call of all.')",
    }
    seen: dict[str, list[tuple[float, float, float]]] = {name: [] for name in statements}
    for _ in range(rounds):
        for name, statement in statements.items():
            code = [sys.executable, "-I", "-c", IMPORT.format(statement=statement)]
            done = subprocess.run(code, capture_output=True, text=True, check=True)
            wall, cpu, rss = map(float, done.stdout.split())
            seen[name].append((wall, cpu, rss))
    middle = {name: [statistics.median(s[i] for s in taken) for i in range(3)] for name, taken in seen.items()}
    bare, loaded, used = (middle[name] for name in ("bare", "import", "first_call"))

    def ms(row: list[float], above: list[float]) -> dict[str, float]:
        return {name: round(1e3 * (row[i] - above[i]), 2) for i, name in enumerate(("wall", "cpu"))}

    return {
        "rounds": rounds,
        "import_ms": ms(loaded, bare),
        "import_and_first_call_ms": ms(used, bare),
        "import_rss_mb": round((loaded[2] - bare[2]) / inputs.MB, 2),
        "first_call_rss_mb": round((used[2] - bare[2]) / inputs.MB, 2),
    }


def installed() -> dict[str, Any]:
    """Bytes on disk of what `pip install headroom-ai` puts there, compiled Python not counted."""
    try:
        files = importlib.metadata.files("headroom-ai") or []
        sizes = {str(f): Path(str(f.locate())).stat().st_size for f in files if "__pycache__" not in f.parts}
    except (importlib.metadata.PackageNotFoundError, FileNotFoundError):
        folder = Path(headroom.__file__).parent
        sizes = {f.name: f.stat().st_size for f in folder.rglob("*") if f.is_file() and "__pycache__" not in f.parts}
    module = next(size for name, size in sizes.items() if "_core." in name and name.endswith((".so", ".pyd")))
    return {"mb": round(sum(sizes.values()) / inputs.MB, 2), "module_mb": round(module / inputs.MB, 2)}
