"""The command, as a process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import conversations as c
import headroom
import pytest
from headroom.cli import COMMANDS, Command

LOG = c.INPUTS / "postgresql.log"


def run(*arguments: str, stdin: bytes = b"", code: int = 0) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        [sys.executable, "-m", "headroom.cli", *arguments], input=stdin, capture_output=True, check=False
    )
    assert done.returncode == code, done.stderr.decode()
    return done


def test_a_file_and_standard_input_give_the_same() -> None:
    query = "which role was refused?"
    from_file = run("compress", str(LOG), "--query", query, "--stats")
    from_stdin = run("compress", "-q", query, stdin=LOG.read_bytes())
    assert from_file.stdout == from_stdin.stdout
    assert len(from_file.stdout) < LOG.stat().st_size / 2
    assert b"nobody_here" in from_file.stdout
    assert b"% saved" in from_file.stderr
    assert from_stdin.stderr == b""


def test_json_output_has_the_figures() -> None:
    done = json.loads(run("compress", str(LOG), "--json").stdout)
    assert done["input"] == "text"
    assert done["tokens_before"] - done["tokens_after"] == done["tokens_saved"] > 0
    assert done["text"]
    assert done["decisions"][0]["action"] == "compressed"


def test_a_request_stays_a_request() -> None:
    request = {
        "model": "gpt-4o",
        "temperature": 0.10,
        "messages": c.chat([("which role?", "{}", LOG.read_text())]),
    }
    done = run("compress", stdin=json.dumps(request).encode())
    new = json.loads(done.stdout)
    assert new["messages"] == headroom.compress(request["messages"]).messages
    assert {k: v for k, v in new.items() if k != "messages"} == {k: v for k, v in request.items() if k != "messages"}
    listed = run("compress", stdin=json.dumps(request["messages"]).encode())
    assert json.loads(listed.stdout) == new["messages"]
    as_text = run("compress", "--text", stdin=json.dumps(request).encode())
    assert as_text.returncode == 0


def test_output_file(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    assert run("compress", str(LOG), "-o", str(target)).stdout == b""
    assert target.read_bytes() == run("compress", str(LOG)).stdout


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "said"),
    [
        (["compress", "/no/such/file"], b"", 1, b"cannot read /no/such/file: No such file"),
        (["compress"], b"\xff\xfe\x00", 1, b"not UTF-8 text (byte 0xff at 0)"),
        (["compress", "--target-ratio", "7"], b"x", 1, b"target_ratio=7"),
        (["compress", "--level", "max"], b"x", 2, b"invalid choice"),
        (["compress", "-", "-o", "/no/such/dir/file"], b"x", 1, b"cannot write"),
        ([], b"", 2, b"COMMAND"),
    ],
)
def test_errors_say_what_is_wrong(arguments: list[str], stdin: bytes, code: int, said: bytes) -> None:
    done = run(*arguments, stdin=stdin, code=code)
    assert said in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_reader_that_stops_early_is_no_error() -> None:
    pipe = f"{sys.executable} -m headroom.cli compress {c.INPUTS / 'model-prices.json'} --level lossless | head -c 100"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", pipe], capture_output=True, check=False)
    assert done.stderr == b""


def test_empty_input_is_empty_output() -> None:
    assert run("compress", stdin=b"").stdout == b""


def test_version() -> None:
    assert run("--version").stdout.decode().strip() == f"headroom {headroom.__version__}"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_has_help_and_is_imported_only_when_called(command: Command) -> None:
    assert command.name.encode() in run("--help").stdout
    assert command.name.encode() in run(command.name, "--help").stdout
    others = [other.module for other in COMMANDS if other != command]
    code = (
        f"import sys, headroom.cli; headroom.cli.build_parser({command.name!r}); "
        f"print(any(m in sys.modules for m in {others!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
