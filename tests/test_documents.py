"""The pages that are made by a command are current, and whoever makes them can."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benches"))

import examples  # noqa: E402

PAGES = sorted(p.name for p in examples.PAGES.glob("*.md"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    subprocess.run([sys.executable, str(ROOT / "benches" / "examples.py"), str(folder)], check=True)
    return folder


def test_there_are_ten_examples_and_a_list(made: Path) -> None:
    assert sorted(p.name for p in made.iterdir()) == PAGES
    assert len(PAGES) == len(examples.EXAMPLES) + 1 == 11


@pytest.mark.parametrize("name", PAGES)
def test_examples_are_current(made: Path, name: str) -> None:
    written = (examples.PAGES / name).read_text("utf-8")
    assert (made / name).read_text("utf-8") == written, "`make examples` writes it anew; read what has changed"


def test_every_example_saves_something() -> None:
    for example in examples.EXAMPLES:
        result = examples.headroom.compress(example.messages(), model=examples.MODEL)
        assert result.compression_ratio > 0.2, example.name
