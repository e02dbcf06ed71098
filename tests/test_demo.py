"""`make demo` prints what it promises."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_the_demo_saves_and_the_answers_are_shown() -> None:
    demo = [sys.executable, str(ROOT / "examples" / "demo.py")]
    done = subprocess.run(demo, capture_output=True, text=True, check=True)
    assert "\x1b" not in done.stdout
    rows = re.findall(r"│ ([\w ]+?) +│ +([\d,]+) │ +([\d,]+) │ +([\d.]+) % │ +[\d.]+ ms │ still there", done.stdout)
    assert [row[0] for row in rows] == ["application log", "JSON of an API", "grep output", "document"]
    assert all(float(saved) > 10 for *_, saved in rows)
    for answer in (
        'role "nobody_here" does not exist',
        "gpt-4.1-mini",
        "pub struct FinderBuilder",
        "subset of all failure transitions",
    ):
        assert answer in done.stdout.split("application log:")[1]
