"""The built wheel in an empty environment: what a user gets who installs it and copies from the README."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import time
import urllib.request
import venv
import zipfile
from collections.abc import Iterator, Mapping
from email.parser import Parser
from pathlib import Path

import pytest
from integrations.processes import free_port, serve

ROOT = Path(__file__).resolve().parents[1]
README_BLOCKS = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
MAX_WHEEL_BYTES = 8 << 20
LIMIT_S = 300


def wheel() -> Path:
    """The newest wheel that `make wheel` has built."""
    built = sorted((ROOT / "target" / "wheels").glob("headroom_ai-*.whl"), key=lambda path: path.stat().st_mtime)
    assert built, "no wheel in target/wheels; run `make wheel`"
    return built[-1]


class Installed:
    """An environment with the wheel in it, and nothing else."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=False, symlinks=True)
        self.folder = folder
        self.scripts = folder / ("Scripts" if os.name == "nt" else "bin")
        self.python = self.scripts / "python"
        options = ["--quiet", "--no-index", "--no-deps", "--disable-pip-version-check"]
        subprocess.run(
            [sys.executable, "-m", "pip", "--python", str(self.python), "install", *options, str(wheel())], check=True
        )
        asked = subprocess.run(
            [str(self.python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        self.site = Path(asked.stdout.strip())

    def run(self, *command: str, code: int = 0, stdin: str = "", env: Mapping[str, str] | None = None) -> str:
        """Standard output of a program of this environment that sees no other headroom."""
        done = subprocess.run(
            [str(self.scripts / command[0]), *command[1:]], input=stdin, capture_output=True, text=True,
            cwd=self.folder, env={**self.environment(), **(env or {})}, timeout=LIMIT_S, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HEADROOM_", "PYTHON"))}
        return {**kept, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel alone."""
    return Installed(tmp_path_factory.mktemp("bare") / "env")


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel beside the packages that these tests run with: the extras, without a second download."""
    made = Installed(tmp_path_factory.mktemp("full") / "env")
    # Its own packages are found first.
    (made.site / "extras.pth").write_text(sysconfig.get_path("purelib") + "\n")
    found = made.run("python", "-c", "import headroom; print(headroom.__file__)")
    assert found.startswith(str(made.folder)), found
    return made


def test_the_wheel_has_what_it_needs_and_nothing_else() -> None:
    with zipfile.ZipFile(wheel()) as file:
        names = file.namelist()
        info = next(name for name in names if name.endswith(".dist-info/METADATA"))
        about = Parser().parsestr(file.read(info).decode())
        wanted = {f"headroom/{path.relative_to(ROOT / 'python' / 'headroom').as_posix()}" for path in _package_files()}
    folder = info.rsplit("/", 1)[0]
    assert wanted <= set(names), sorted(wanted - set(names))
    core = [name for name in names if name.endswith((".so", ".pyd"))]
    assert len(core) == 1
    assert core[0].startswith("headroom/_core.")
    others = {name for name in names if not name.startswith(f"{folder}/")} - wanted - set(core)
    assert not others, sorted(others)
    assert {f"{folder}/licenses/LICENSE", f"{folder}/entry_points.txt"} <= set(names)
    assert all("extra ==" in line for line in about.get_all("Requires-Dist") or [])
    assert about["Requires-Python"] == ">=3.10"
    assert about["License-Expression"] == "Apache-2.0"
    assert wheel().stat().st_size < MAX_WHEEL_BYTES


def _package_files() -> Iterator[Path]:
    """What stands in the package's folder, but for what a build or a run leaves there."""
    for path in (ROOT / "python" / "headroom").rglob("*"):
        if path.is_file() and path.suffix not in (".so", ".pyd", ".pyc"):
            yield path


def test_there_are_readme_examples() -> None:
    assert len(README_BLOCKS) >= 2
    assert "compress(messages" in README_BLOCKS[0]


@pytest.mark.parametrize("block", README_BLOCKS, ids=lambda block: block.splitlines()[0])
def test_the_readmes_python_runs(block: str, bare: Installed, request: pytest.FixtureRequest) -> None:
    if "import litellm" not in block:
        assert "tokens" in bare.run("python", "-c", block)
        return
    pytest.importorskip("litellm")
    full: Installed = request.getfixturevalue("full")
    seen = full.run("python", "-c", f"{block}\nprint(litellm.callbacks[0].total_tokens_saved)")
    assert seen.splitlines()[-1] == "0"


def test_the_command_compresses(bare: Installed) -> None:
    log = "\n".join(f"2026-05-04 10:00:{i % 60:02d} INFO request {i} served in {i % 9} ms" for i in range(2000))
    out = bare.run("headroom", "compress", "--query", "why?", stdin=log + "\n2026-05-04 10:02:00 ERROR disk is full\n")
    assert len(out) < len(log) / 2
    assert "ERROR disk is full" in out
    assert "disk is full" in bare.run("headroom", "explain", stdin=log + "\nERROR disk is full\n")


def test_the_doctor_finds_nothing_wrong(bare: Installed) -> None:
    seen = json.loads(bare.run("headroom", "doctor", "--json"))
    findings = {finding["check"]: finding for finding in seen["findings"]}
    assert seen["ok"]
    assert findings["headroom"]["facts"]["installed_version"] == seen["version"]
    assert findings["core"]["facts"]["profile"] == "release"
    assert findings["litellm"]["said"].startswith("not installed")
    assert findings["extra cloud"]["state"] == "note"


@pytest.mark.parametrize("command", ["serve", "keys list", "usage --org x", "migrate"])
def test_commands_of_an_extra_say_what_to_install(bare: Installed, command: str) -> None:
    asked = subprocess.run(
        [str(bare.scripts / "headroom"), *command.split()], capture_output=True, text=True,
        env=bare.environment(), cwd=bare.folder, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert asked.returncode == 1, asked.stdout + asked.stderr
    assert "pip install 'headroom-ai[cloud]'" in asked.stderr
    assert "Traceback" not in asked.stderr


def test_the_service_answers(full: Installed, tmp_path: Path) -> None:
    pytest.importorskip("starlette")
    port = free_port()
    command = [str(full.scripts / "headroom"), "serve", "--port", str(port), "--data-dir", str(tmp_path)]
    log = "\n".join(f"2026-05-04 10:00:{i % 60:02d} INFO request {i} served in {i % 9} ms" for i in range(2000))
    body = {"model": "gpt-4o", "messages": [{"role": "tool", "tool_call_id": "1", "content": log}]}
    with serve(command, port, tmp_path / "log", "/readyz", {"PYTHONPATH": ""}) as server:
        loaded = Path(f"/proc/{server.process.pid}/maps")
        if loaded.exists():
            assert str(full.folder) in loaded.read_text(), "the service does not run from the wheel"
        request = urllib.request.Request(
            f"{server.url}/v1/compress", json.dumps(body).encode(), {"content-type": "application/json"}
        )
        started = time.monotonic()
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
            got = json.load(answer)
    assert got["tokens_after"] < got["tokens_before"] / 2
    assert len(got["messages"]) == 1
    assert time.monotonic() - started < 60
