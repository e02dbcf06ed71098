"""Measures, and writes a dated result file: figures as JSON, a page for readers, a plot of time over size.

    python benches/run.py                    # everything, about ten minutes
    python benches/run.py --quick            # no peers, small texts, about a minute
    python benches/run.py --only memory      # some sections; the others are taken from the day's file

Ratios are of medians taken in turns within this one run; absolute times are beside them for orientation.
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import inputs
import peers
import report
import speed

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).with_name("results")
SIZES = (10 * inputs.KB, 100 * inputs.KB, inputs.MB, 20 * inputs.MB)
GROWTH = [inputs.MB << n for n in range(5)]
QUICK_SIZES = SIZES[:2]
QUICK_GROWTH = [(inputs.MB >> 4) << n for n in range(4)]


def sections(quick: bool) -> dict[str, Callable[[], Any]]:
    """What is measured, in order. The steadiest figures first, what heats the machine last."""
    sizes = QUICK_SIZES if quick else SIZES
    out: dict[str, Callable[[], Any]] = {
        "import": speed.importing,
        "installed": speed.installed,
        "texts": lambda: [speed.one_text(kind, size) for size in sizes for kind in inputs.KINDS],
        "conversation": speed.conversation_times,
        "threads": speed.threads,
        "growth": lambda: speed.growth(QUICK_GROWTH if quick else GROWTH),
    }
    if not quick:
        out["memory"] = lambda: speed.memory(20 * inputs.MB)
        out["peers"] = lambda: speed.peer_times(SIZES)
    return out


def machine() -> dict[str, Any]:
    """What the figures depend on; no names, no paths."""
    cpu = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": [round(x, 2) for x in os.getloadavg()],
    }


def versions() -> dict[str, str]:
    """Versions of everything that is compared."""

    def output(*command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        return done.stdout.strip() if done.returncode == 0 else "unknown"

    return {
        "headroom": importlib.metadata.version("headroom-ai"),
        "commit": output("git", "rev-parse", "--short", "HEAD"),
        "rustc": output("rustc", "--version").removeprefix("rustc "),
        "python": platform.python_version(),
        "tiktoken": importlib.metadata.version("tiktoken"),
        "litellm": importlib.metadata.version("litellm"),
        "headroom-ai (peer)": peers.VERSION,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small texts, no peers; writes to .cache only")
    parser.add_argument("--only", help="names of sections, with commas between")
    parser.add_argument("--out", type=Path, help="folder of the result (default benches/results)")
    args = parser.parse_args()

    folder = args.out or (ROOT / ".cache" / "bench-quick" if args.quick else RESULTS)
    folder.mkdir(parents=True, exist_ok=True)
    day = dt.date.today().isoformat()
    path = folder / f"{day}.json"
    result: dict[str, Any] = json.loads(path.read_text()) if args.only and path.exists() else {}
    result |= {"date": day, "machine": machine(), "versions": versions()}
    wanted = args.only.split(",") if args.only else None
    for name, measure in sections(args.quick).items():
        if wanted is None or name in wanted:
            began = time.perf_counter()
            result[name] = measure()
            print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr)
            path.write_text(json.dumps(result, indent=1) + "\n")
    result["bounds"] = report.bounds(result)
    path.write_text(json.dumps(result, indent=1) + "\n")
    path.with_suffix(".md").write_text(report.page(result), "utf-8")
    if "texts" in result:
        report.plot(result, path.with_suffix(".svg"))
    print(report.page(result))


if __name__ == "__main__":
    main()
