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
TESTS = ("test_wire.py", "test_callback.py", "test_proxy.py")
# The proxy's extra brings a hundred packages; these are the ones it needs to start.
PROXY_NEEDS = [
    "uvicorn",
    "fastapi",
    "websockets",
    "uvloop",
    "httptools",
    "tenacity",
    "backoff",
    "apscheduler",
    "orjson",
    "python-multipart",
    "pyyaml",
    "cryptography",
    "pyjwt",
    "fastapi-sso",
    "rq",
    "email-validator",
    "boto3",
    "soundfile",
]
# Newer proxies import more at the top.
NEWEST_NEEDS = ["httpx2", "polars", "litellm-proxy-extras", "mcp", "expression", "rich"]


def python_for(version: str) -> Path:
    """The interpreter of the version's environment, made if need be."""
    folder = CACHE / version
    python = folder / "bin" / "python"
    stamp = folder / ".installed"
    wheels = sorted((ROOT / "target" / "wheels").glob("headroom_ai-*.whl"))
    wanted = "litellm" if version == NEWEST else f"litellm=={version}"
    needs = [
        wanted,
        "pytest",
        "hypothesis",
        "httpx",
        *PROXY_NEEDS,
        *(NEWEST_NEEDS if version == NEWEST else ()),
    ]
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
    installed = subprocess.run(
        [str(python), "-c", ask], capture_output=True, text=True, check=True
    ).stdout.strip()
    start = time.monotonic()
    tests = [str(Path(__file__).with_name(name)) for name in TESTS]
    command = [str(python), "-m", "pytest", "-v", "-W", "ignore", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    (CACHE / f"{version}.log").write_text(done.stdout + done.stderr)
    failed = re.findall(r"^(?:FAILED|ERROR) (.*)$", done.stdout, re.MULTILINE)
    print("\n".join(failed), end="\n" if failed else "", flush=True)
    last = [line for line in done.stdout.splitlines() if line.strip()][-1].strip("= ")
    return installed, last, time.monotonic() - start, done.returncode == 0


def main(versions: list[str]) -> int:
    CACHE.mkdir(parents=True, exist_ok=True)
    good = True
    for version in versions:
        installed, last, seconds, ok = run(version)
        good &= ok
        print(f"LiteLLM {installed}: {last} ({seconds:.0f} s in all)", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or [OLDEST, MIDDLE, NEWEST]))
