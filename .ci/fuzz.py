"""Runs the fuzz targets, each for a while: `make fuzz SECONDS=60`. Exit code 1 if one finds something.

What libFuzzer keeps goes to .cache/fuzz, so that the next run goes on from there; `--grow` takes a little of it into
fuzz/corpus, which every test run replays. Builds with the stable compiler: RUSTC_BOOTSTRAP=1 allows the sanitizer.
"""

from __future__ import annotations

import argparse
import datetime
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT / "fuzz" / "corpus"
FOUND = ROOT / ".cache" / "fuzz"
ARTIFACTS = ROOT / "fuzz" / "artifacts"
TOOLS = ROOT / ".cache" / "cargo"
TARGETS = sorted(path.stem for path in (ROOT / "fuzz" / "fuzz_targets").glob("*.rs"))
MAX_BYTES = 4096
"""Longest input; the seeds are shorter."""
TIMEOUT_S = 60
"""One input that takes longer is a finding. Wall time: a busy machine is no finding."""
GROW_BYTES = 12_000
"""At most so much is taken into a target's corpus at once."""


def fuzz(*words: str, **kwargs: object) -> subprocess.CompletedProcess[str]:
    """`cargo fuzz`, installed into .cache where it is missing."""
    if not (TOOLS / "bin" / "cargo-fuzz").exists():
        subprocess.run(["cargo", "install", "--locked", "--quiet", "--root", str(TOOLS), "cargo-fuzz"], check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "fuzz"
    env = {
        **os.environ,
        "PATH": f"{TOOLS / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "RUSTC_BOOTSTRAP": "1",
        "CARGO_TARGET_DIR": str(target),
    }
    return subprocess.run(["cargo", "fuzz", *words], cwd=ROOT, env=env, text=True, check=False, **kwargs)  # type: ignore[call-overload, no-any-return]


def run(target: str, seconds: int) -> tuple[str, bool]:
    """A row of the table, and whether something was found."""
    found = FOUND / target
    found.mkdir(parents=True, exist_ok=True)
    before = artifacts(target)
    options = [f"-max_total_time={seconds}", f"-max_len={MAX_BYTES}", f"-timeout={TIMEOUT_S}", "-print_final_stats=1"]
    command = ["run", target, str(found), str(CORPUS / target), "--", *options]
    done = fuzz(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    (FOUND / f"{target}.log").write_text(done.stdout)
    number = re.findall(r"stat::number_of_executed_units:\s*(\d+)", done.stdout)
    edges = re.findall(r"cov: (\d+)", done.stdout)
    # What reading the corpus took counts as well: the time is that of the whole run.
    took = re.findall(r"Done \d+ runs in (\d+) second", done.stdout)
    new = sorted(artifacts(target) - before)
    bad = bool(done.returncode or new)
    inputs = int(number[0]) if number else 0
    shown = ", ".join(new) if new else ("none" if not bad else f"exit code {done.returncode}")
    row = f"| {target} | {inputs:,} | {took[0] if took else '?'} s | {edges[-1] if edges else '?'} | {shown} |"
    return row, bad


def artifacts(target: str) -> set[str]:
    """Inputs that broke a check."""
    return {path.name for path in (ARTIFACTS / target).glob("*")}


def grow(target: str) -> int:
    """Takes the shortest inputs that reach something new into the corpus; returns how many."""
    with tempfile.TemporaryDirectory() as folder:
        own = CORPUS / target
        merged = Path(folder) / "merged"
        merged.mkdir()
        for path in own.iterdir():
            shutil.copy(path, merged)
        fuzz(
            "run",
            target,
            str(merged),
            str(FOUND / target),
            "--",
            "-merge=1",
            f"-max_len={MAX_BYTES}",
            capture_output=True,
        )
        new = sorted(
            (p for p in merged.iterdir() if not (own / p.name).exists()), key=lambda p: (p.stat().st_size, p.name)
        )
        taken, size = 0, 0
        for path in new:
            size += path.stat().st_size
            if size > GROW_BYTES:
                break
            shutil.copy(path, own / path.name[:16])
            taken += 1
    return taken


def main() -> int:
    parser = argparse.ArgumentParser(description="runs the fuzz targets")
    parser.add_argument("targets", nargs="*", default=TARGETS, help=f"default: {' '.join(TARGETS)}")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument("--grow", action="store_true", help="take a little of what was found into fuzz/corpus")
    given = parser.parse_args()
    built = fuzz("build")
    if built.returncode:
        return built.returncode
    compiler = subprocess.run(["rustc", "-V"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"{datetime.date.today()}, {compiler}, address sanitizer, overflow checks\n")
    print("| target | inputs | time | edges | findings |\n|---|---|---|---|---|", flush=True)
    bad = False
    for target in given.targets:
        row, found = run(target, given.seconds)
        bad |= found
        print(row, flush=True)
        if given.grow:
            print(f"  {grow(target)} inputs taken into fuzz/corpus/{target}", file=sys.stderr)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
