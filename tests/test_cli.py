"""The command, as a process."""

from __future__ import annotations

import contextlib
import json
import os
import pty
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


def test_what_did_not_change_keeps_its_bytes() -> None:
    messages = json.dumps(c.chat([("which role?", "{}", LOG.read_text())])).replace('"role"', '"n":1.10,  "role"')
    for body in (messages, f'{{"model": "gpt-4o", "top_p": 1.0, "messages": {messages}}}'):
        out = run("compress", stdin=body.encode()).stdout.decode()
        start = body.rindex('"content"') + len('"content": "')
        assert out[:start] == body[:start]
        assert out[-3:] == body[-3:]
        assert len(out) < len(body) / 2


def test_decisions_of_a_request_are_those_of_its_messages() -> None:
    messages = c.chat([("which role?", "{}", LOG.read_text())])
    request = {"model": "gpt-4o", "messages": messages}
    done = json.loads(run("compress", "--json", stdin=json.dumps(request).encode()).stdout)
    assert done["request"]["messages"] == headroom.compress(messages).messages
    assert [d["action"] for d in done["decisions"]] == ["kept", "kept", "kept", "compressed"]
    assert done["decisions"][-1]["blocks"][0]["kind"] == "log"


def test_items_of_a_responses_input_are_messages() -> None:
    items = c.responses([("which role?", "{}", LOG.read_text())])
    done = json.loads(run("compress", "--json", stdin=json.dumps(items).encode()).stdout)
    assert done["input"] == "messages"
    assert done["messages"][:2] == items[:2]
    assert len(done["messages"][2]["output"]) < len(items[2]["output"]) / 2


def test_records_with_a_role_are_plain_json() -> None:
    people = [{"role": "user", "name": f"n{i}", "mail": f"n{i}@example.org", "active": True} for i in range(50)]
    done = json.loads(run("compress", "--json", stdin=json.dumps(people).encode()).stdout)
    assert done["input"] == "text"
    assert done["compression_ratio"] > 0.3


def test_the_window_can_be_said() -> None:
    small = json.loads(run("compress", str(LOG), "--json", "--model-limit", "2000").stdout)
    assert small["tokens_after"] <= 2000 < json.loads(run("compress", str(LOG), "--json").stdout)["tokens_after"]


def test_a_terminal_is_told_what_takes_long() -> None:
    code = (
        "import time; from headroom.commands import terminal\n"
        "terminal.PROGRESS_AFTER_S, terminal.PROGRESS_EVERY_S = {after}, 0.05\n"
        "with terminal.progress('compressing'): time.sleep(0.4)\n"
    )
    for after, is_told in ((0.1, True), (5, False)):
        main, other = pty.openpty()
        subprocess.run([sys.executable, "-c", code.format(after=after)], stderr=other, check=True)
        os.close(other)
        with contextlib.suppress(OSError):  # what was written is read before the end is told as an error
            out = b""
            while chunk := os.read(main, 4096):
                out += chunk
        os.close(main)
        assert (b"compressing" in out) == is_told
        assert out.endswith(b"\r\x1b[K") == is_told
        piped = subprocess.run([sys.executable, "-c", code.format(after=after)], capture_output=True, check=True)
        assert piped.stderr == b""


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
