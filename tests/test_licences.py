"""`.ci/licences.py`: which licences pass, and that one that does not is an exit code."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("packaging")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / ".ci"))

import licences


@pytest.mark.parametrize(
    ("expression", "passes"),
    [
        ("MIT", True),
        ("MIT OR Apache-2.0", True),
        ("MIT/Apache-2.0", True),
        ("Apache-2.0 / MIT", True),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("(MIT AND GPL-3.0-only) OR AGPL-3.0-only", False),
        ("Apache-2.0 WITH LLVM-exception OR GPL-2.0-only", True),
        ("GPL-3.0-or-later", False),
        ("unknown", False),
        ("", False),
    ],
)
def test_expressions(expression: str, passes: bool) -> None:
    assert licences.is_permissive(expression) == passes


def test_what_is_not_permissive_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(licences, "rust", lambda: {"linked into the wheel": {"good 1.0": "MIT", "bad 2.0": "GPL-3.0"}})
    monkeypatch.setattr(licences, "python", lambda: {"psycopg 3.3": "LGPL-3.0-only", "other 1": "LGPL-3.0-only"})
    assert licences.main(["--quiet"]) == 1
    said = capsys.readouterr().out
    assert "NOT PERMISSIVE bad 2.0: GPL-3.0" in said
    assert "NOT PERMISSIVE other 1" in said
    assert "good" not in said
    assert "psycopg" not in said


def test_tables_go_between_their_marks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(licences, "rust", lambda: {"linked into the wheel": {"a 1": "MIT", "b 2": "MIT"}})
    monkeypatch.setattr(licences, "python", dict)
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- licences -->\nold\n<!-- /licences -->\nafter\n")
    assert licences.main(["--quiet", "--write", str(page)]) == 0
    text = page.read_text()
    assert "| MIT | 2 | a 1, b 2 |" in text
    assert "old" not in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")


def test_the_wheel_links_no_more_than_a_handful() -> None:
    linked = licences.rust()["linked into the wheel"]
    names = {name.split()[0] for name in linked}
    assert {"pyo3", "memchr", "aho-corasick"} <= names
    assert not {"tiktoken-rs", "criterion", "proptest"} & names
    assert all(licences.is_permissive(licence) for licence in linked.values())
