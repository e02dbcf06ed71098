"""The documentation's code runs as it stands, and prints what the page says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from extras import EXTRAS
from processes import environment, providers_at
from recorder import Recorder
from session import run
from shell import PORT, ended, prepare

from blocks import OUTPUT, PYTHON, ROOT, SHELL, Block, blocks, matches, pages

PAGES = pages()
TIMEOUT_S = 300


@pytest.fixture(scope="module")
def provider() -> Iterator[Recorder]:
    """Stands in for every provider."""
    with Recorder() as server:
        yield server


@pytest.fixture(scope="module")
def python_results(provider: Recorder) -> dict[str, list[tuple[str, str]]]:
    """For each page what its blocks printed, and the error of the last one."""
    given = {page: [(block.line, block.code) for block in python_blocks(page)] for page in PYTHON_PAGES}
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("session.py"))],
        input=json.dumps(given),
        env=environment(providers_at(provider.url)),
        capture_output=True,
        text=True,
        timeout=10 * TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[tuple[str, str]]] = json.loads(done.stdout)
    return found


def shell_blocks(page: str) -> list[Block]:
    return [block for block in blocks(page) if block.is_run and block.language in SHELL]


def python_blocks(page: str) -> list[Block]:
    return [block for block in blocks(page) if block.is_run and block.language in PYTHON]


PYTHON_PAGES = [page for page in PAGES if python_blocks(page)]


@pytest.mark.parametrize("page", PYTHON_PAGES)
def test_python(page: str, python_results: dict[str, list[tuple[str, str]]]) -> None:
    if "import litellm" in (ROOT / page).read_text() and find_spec("litellm") is None:
        pytest.skip("needs litellm")
    given, results = python_blocks(page), python_results[page]
    for block, (printed, error) in zip(given, results, strict=False):
        assert not error, f"{page}:{block.line}\n{error}"
        check_output(block, printed)
    assert len(results) == len(given)


@pytest.mark.parametrize("page", [page for page in PAGES if shell_blocks(page)])
def test_shell(page: str, provider: Recorder, tmp_path: Path) -> None:
    env, port = prepare(tmp_path, providers_at(provider.url))
    with ended(tmp_path):
        for block in shell_blocks(page):
            for command, expected in steps(block):
                done = subprocess.run(
                    ["bash", "-euo", "pipefail", "-c", command.replace(PORT, str(port))],
                    env=env,
                    cwd=tmp_path,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=TIMEOUT_S,
                    check=False,
                )
                assert done.returncode == 0, f"{page}:{block.line}: {command}\n{done.stdout}{done.stderr}"
                if expected is not None:
                    printed = (done.stdout + done.stderr).replace(str(port), PORT)
                    assert matches(expected, printed), f"{page}:{block.line}: {command}\nprinted:\n{printed}"


def steps(block: Block) -> list[tuple[str, str | None]]:
    """The commands of a shell block, and what each prints, if the page says so (`console` blocks)."""
    if block.language != "console":
        return [(block.code, None)]
    found: list[tuple[str, str | None]] = []
    for part in re.split(r"^\$ ", block.code, flags=re.M)[1:]:
        command, _, printed = re.sub(r"\\\n *> *", " ", part).partition("\n")
        found.append((command, printed))
    return found


def check_output(block: Block, printed: str) -> None:
    """Compares with the block of output that follows, if one does."""
    around = blocks(block.page)
    after = around[around.index(block) + 1 :][:1]
    if after and after[0].info == OUTPUT:
        assert matches(after[0].code, printed), f"{block.page}:{block.line} printed:\n{printed}"


@pytest.mark.parametrize("page", PAGES)
def test_data_can_be_read(page: str) -> None:
    for block in blocks(page):
        if block.language in ("json", "yaml") and not block.not_run:
            assert yaml.safe_load(block.code) is not None, f"{page}:{block.line}"
        if block.language == "json" and not block.not_run:
            json.loads(block.code)


@pytest.mark.parametrize("page", PAGES)
def test_what_is_not_run_says_why(page: str) -> None:
    for block in blocks(page):
        assert not block.not_run or len(block.not_run.split()) >= 3, f"{page}:{block.line}"
        assert block.language or block.info == "", f"{page}:{block.line}"


def test_the_mechanism_notices() -> None:
    def errors(*given: tuple[int, str]) -> list[str]:
        return [error for _, error in run("page", list(given), ModuleType("page"))]

    assert {"litellm", "cloud", "mcp"} <= EXTRAS
    assert [bool(error) for error in errors((3, "x = 1\nx"), (9, "x\ny"))] == [False, True]
    assert 'page", line 11' in errors((9, "x = 1\ny"))[0]
    assert matches("a\n…\nc\n", "a\nb\nb\nc\n")
    assert not matches("a\n…\nc\n", "a\nb\n")
    assert not matches("a\n", "b\n")
