"""What no test reaches, by folder: `make coverage` writes the tables of docs/coverage.md.

Python: coverage.py, also in the processes that tests start (the service, its workers, commands).
Rust: cargo-llvm-cov over `cargo test`, where it is installed; what Python's tests run of the core is not in it.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "coverage.md"
MIN_GAP_LINES = 8
"""A file with so many lines missed is named."""

Row = tuple[str, int, int]
"""A file, its lines, and how many of them were run."""


def python_rows(report: Path) -> Iterator[Row]:
    """Files of the package in coverage.py's JSON."""
    for name, file in json.loads(report.read_text())["files"].items():
        yield "python/headroom/" + name.split("headroom/", 1)[1], *_counts(file["summary"])


def _counts(summary: dict[str, int]) -> tuple[int, int]:
    return summary["num_statements"], summary["covered_lines"]


def rust_rows(report: Path) -> Iterator[Row]:
    """Files of the core in llvm-cov's JSON."""
    for file in json.loads(report.read_text())["data"][0]["files"]:
        if "/src/" in file["filename"]:
            lines = file["summary"]["lines"]
            yield "src/" + file["filename"].split("/src/", 1)[1], lines["count"], lines["covered"]


def folder_of(name: str) -> str:
    """The folder that a file is counted under: two levels of the core, three of the package."""
    depth = 2 if name.startswith("python/") else 1
    parts = name.split("/")[:-1]
    return "/".join(parts[: depth + 1])


def table(rows: list[Row]) -> str:
    """Lines and shares by folder, and the files with the largest gaps."""
    folders: dict[str, list[Row]] = {}
    for row in rows:
        folders.setdefault(folder_of(row[0]), []).append(row)
    out = ["| folder | lines | reached | largest gaps (lines missed) |", "|---|---:|---:|---|"]
    for folder, files in [*sorted(folders.items()), ("**all**", rows)]:
        lines, reached = sum(row[1] for row in files), sum(row[2] for row in files)
        gaps = sorted((row for row in files if row[1] - row[2] >= MIN_GAP_LINES), key=lambda row: row[2] - row[1])
        named = ", ".join(f"`{name.rsplit('/', 1)[1]}` {count - run}" for name, count, run in gaps[:4])
        share = f"{100 * reached / lines:.1f} %" if lines else "–"
        out.append(f"| {folder} | {lines:,} | {share} | {named if folder != '**all**' else ''} |")
    return "\n".join(out) + "\n"


def run_python(words: list[str]) -> Path:
    """Runs the tests of the package."""
    folder = Path(tempfile.mkdtemp(prefix="coverage-"))
    env = {**os.environ, "COVERAGE_FILE": str(folder / ".coverage")}
    python = [sys.executable, "-m", "coverage"]
    subprocess.run([*python, "run", "-m", "pytest", *words], cwd=ROOT, env=env, check=True)
    subprocess.run([*python, "combine", "--quiet"], cwd=ROOT, env=env, check=True)
    subprocess.run([*python, "json", "--quiet", "-o", str(folder / "python.json")], cwd=ROOT, env=env, check=True)
    return folder / "python.json"


def run_rust() -> Path | None:
    """Runs the tests of the core."""
    if shutil.which("cargo-llvm-cov") is None:
        return None
    out = Path(tempfile.mkdtemp(prefix="coverage-")) / "rust.json"
    subprocess.run(["cargo", "llvm-cov", "--json", "--summary-only", "--output-path", str(out)], cwd=ROOT, check=True)
    return out


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python-report", type=Path, help="JSON of coverage.py, in place of a run")
    parser.add_argument("--rust-report", type=Path, help="JSON of cargo-llvm-cov, in place of a run")
    parser.add_argument("words", nargs="*", help="for pytest, for example a folder")
    given = parser.parse_args()
    tables = {"python": table(sorted(python_rows(given.python_report or run_python(given.words))))}
    if rust := given.rust_report or run_rust():
        tables["rust"] = table(sorted(rust_rows(rust)))
    else:
        print("Rust was not measured: cargo install --locked cargo-llvm-cov", file=sys.stderr)
    text = PAGE.read_text("utf-8")
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    for name, made in tables.items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
        replacement = f"Measured on {today}.\n\n{made}"
        text = re.sub(pattern, lambda m, new=replacement: m[1] + new + m[2], text, flags=re.DOTALL)
    PAGE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
