"""Runs the wire tests against several LiteLLM versions: `python tests/integrations/matrix.py [VERSION ...]`.

Each version gets an environment of its own under .cache/matrix (kept between runs; pip's cache does the
rest). Without arguments: the oldest supported, a middle one, and the newest that can be installed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "matrix"
OLDEST = "1.75.8"
MIDDLE = "1.85.7"
NEWEST = "newest"
TESTS = (
    "test_wire.py",
    "test_callback.py",
    "test_proxy.py",
    "test_retrieval.py",
    "test_retrieval_rounds.py",
    "test_proxy_retrieval.py",
)
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
# Packages of newer proxies that old versions neither need nor, in part, get along with.
NOT_FOR_OLD = {
    "httpx2",
    "polars",
    "litellm-proxy-extras",
    "mcp",
    "expression",
    "rich",
    "soundfile",
    "brotli>=1.2",
}


def python_for(version: str) -> Path:
    """The interpreter of the version's environment, made if need be."""
    folder = CACHE / version
    python = folder / "bin" / "python"
    stamp = folder / ".installed"
    wheels = sorted((ROOT / "target" / "wheels").glob("headroom_ai-*.whl"))
    lines = [line for line in REQUIREMENTS.read_text().splitlines() if line and not line.startswith("#")]
    needs = ["pytest", "hypothesis", *lines]
    if version != NEWEST:
        needs = [f"litellm=={version}", *(n for n in needs if n not in NOT_FOR_OLD)]
    if not stamp.exists() or stamp.read_text() != " ".join(needs):
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *needs], check=True)
        stamp.write_text(" ".join(needs))
    if wheels:
        again = ["--force-reinstall", "--no-deps", str(wheels[-1])]
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *again], check=True)
    return python


def run(version: str) -> tuple[str, str, float, bool]:
    """Installed version, pytest's last line, seconds, and whether all went well."""
    python = python_for(version)
    env = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    if not list((ROOT / "target" / "wheels").glob("headroom_ai-*.whl")):
        env["PYTHONPATH"] = str(ROOT / "python")
    ask = "from importlib.metadata import version; print(version('litellm'))"
    installed = subprocess.run([str(python), "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
    start = time.monotonic()
    tests = [str(Path(__file__).with_name(name)) for name in TESTS]
    command = [str(python), "-m", "pytest", "-v", "-W", "ignore", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    (CACHE / f"{version}.log").write_text(done.stdout + done.stderr)
    failed = re.findall(r"^(?:FAILED|ERROR) (.*)$", done.stdout, re.MULTILINE)
    print("\n".join(failed), end="\n" if failed else "", flush=True)
    last = [line for line in done.stdout.splitlines() if line.strip()][-1].strip("= ")
    return installed, last, time.monotonic() - start, done.returncode == 0


def table(versions: list[str], target: Path) -> None:
    """Writes what every entry point sent, without and with the callback, on each version."""
    cells: dict[tuple[str, str], dict[str, str]] = {}
    names: list[str] = []
    for version in versions:
        python = python_for(version)
        env = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        if not list((ROOT / "target" / "wheels").glob("headroom_ai-*.whl")):
            env["PYTHONPATH"] = str(ROOT / "python")
        command = [str(python), str(Path(__file__).with_name("entry_points.py"))]
        out = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
        names.append(out.splitlines()[0].split()[1])
        for line in out.splitlines():
            columns = [c.strip() for c in line.strip("|").split("|")]
            if line.startswith("| ") and len(columns) == 5 and columns[0] != "entry point":
                cells.setdefault((columns[0], columns[1]), {})[names[-1]] = (
                    f"{columns[2]} → {columns[3]} ({columns[4]})"
                )
    rows = [
        "# LiteLLM entry points on the wire",
        "",
        "Written by `python tests/integrations/matrix.py --table docs/litellm-entry-points.md`: bytes of the request",
        "body without and with the callback, and their ratio, on each version. The payload is a search's output.",
        "",
        "| entry point | provider | " + " | ".join(names) + " |",
        "|---" * (2 + len(names)) + "|",
    ]
    rows += [f"| {e} | {p} | " + " | ".join(found.get(n, "–") for n in names) + " |" for (e, p), found in cells.items()]
    target.write_text("\n".join(rows) + "\n", encoding="utf-8")


def main(versions: list[str]) -> int:
    CACHE.mkdir(parents=True, exist_ok=True)
    good = True
    for version in versions:
        installed, last, seconds, ok = run(version)
        good &= ok
        print(f"LiteLLM {installed}: {last} ({seconds:.0f} s in all)", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    default = [OLDEST, MIDDLE, NEWEST]
    if sys.argv[1:2] == ["--table"]:
        CACHE.mkdir(parents=True, exist_ok=True)
        table(sys.argv[3:] or default, Path(sys.argv[2]))
    else:
        sys.exit(main(sys.argv[1:] or default))
