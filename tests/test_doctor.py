"""`headroom doctor`, as a process: what it says and returns where all is well, and where something is not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from typing import Any

import headroom
import pytest
from headroom.diagnosis import TookTooLong, environment, in_time, installation, works

PACKAGE = Path(headroom.__file__).parent
LIMIT_S = 300

needs_litellm = pytest.mark.skipif(not works.has_litellm(), reason="litellm is not installed")


def doctor(*arguments: str, code: int = 0, before: str = "", **env: str) -> dict[str, Any]:
    """The findings by check; of several with one name, the worst."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("HEADROOM_")}
    clean["PYTHONPATH"] = os.pathsep.join([env.pop("first_path", ""), str(PACKAGE.parent)]).strip(os.pathsep)
    program = f"{before}\nimport sys; from headroom.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", program, "doctor", "--json", *arguments],
        env={**clean, **env}, capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    shown = json.loads(done.stdout)
    assert shown["version"] == headroom.__version__
    assert shown["ok"] == (code == 0)
    worst = sorted(shown["findings"], key=lambda f: ["ok", "note", "warning", "error"].index(f["state"]))
    return {**{f["check"]: f for f in worst}, "": done.stdout}


NO_LITELLM = "from headroom.diagnosis import works; works.has_litellm = lambda: False"
"""Set before the command runs where the calls through LiteLLM are not what is tested: they take seconds."""


def test_all_is_well_here() -> None:
    found = doctor(before=NO_LITELLM)
    assert found["headroom"]["facts"]["python"] == ".".join(map(str, sys.version_info[:3]))
    core = found["core"]["facts"]
    assert core["abi"] == "abi3"
    assert {"o200k_base", "cl100k_base"} <= set(core["encodings"])
    figures = found["compression"]["facts"]
    assert figures["tokens_after"] < figures["tokens_before"] / 2
    assert found["store"]["facts"]["store"] == "memory://"
    assert found["service"]["state"] == "note"
    assert found["litellm"]["state"] == "note"
    assert "headroom-ai[litellm]" in found["litellm"]["action"]


@needs_litellm
def test_every_entry_point_of_litellm_is_called_and_compressed() -> None:
    found = doctor()
    assert found["litellm"]["facts"]["version"] == metadata.version("litellm")
    assert found["litellm"]["facts"]["tokens_saved"] > 1000
    names = {"completion", "acompletion", "responses", "aresponses", "anthropic.messages", "Router.completion"}
    for name in names:
        entry = found[f"litellm {name}"]
        assert entry["state"] == "ok"
        assert entry["facts"]["bytes_after"] < entry["facts"]["bytes_before"] / 2


@needs_litellm
def test_call_types_that_are_left_out_are_named() -> None:
    found = doctor(HEADROOM_CALL_TYPES="responses")
    assert found["litellm completion"]["state"] == "note"
    assert "HEADROOM_CALL_TYPES" in found["litellm completion"]["said"]
    assert found["litellm responses"]["state"] == "ok"


def fake_litellm(folder: Path, source: str) -> str:
    (folder / "litellm").mkdir()
    (folder / "litellm" / "__init__.py").write_text(source)
    info = folder / "litellm-9.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: litellm\nVersion: 9.9\n")
    return str(folder)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("raise ImportError('half of it is missing')", "half of it is missing"),
        ("import time; time.sleep(60)", "more than 2 s"),
        ("import os; os._exit(3)", "no output"),
    ],
)
def test_a_litellm_that_does_not_work_is_an_error(tmp_path: Path, source: str, said: str) -> None:
    found = doctor("--timeout", "2" if "sleep" in source else "60", code=1, first_path=fake_litellm(tmp_path, source))
    assert found["litellm"]["state"] == "error"
    assert said in found["litellm"]["said"]
    assert "9.9" in found["litellm"]["said"]


@needs_litellm
def test_a_callback_that_does_not_fire_is_an_error() -> None:
    broken = (
        "from headroom.integrations import litellm_selftest\n"
        "from headroom.integrations.engine import Engine, Done\n"
        "from headroom.integrations.ledger import Outcome\n"
        "Engine.compress = lambda *a, **k: Done(None, Outcome('failed', 'made to fail'))\n"
        "import json\n"
        "print(json.dumps(litellm_selftest.run()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", broken], capture_output=True, text=True, timeout=LIMIT_S, check=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
    )  # fmt: skip
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["tokens_saved"] == 0
    assert {entry["state"] for entry in seen["entry_points"].values()} == {"sent as it came"}
    states = [finding.state for finding in works.read_selftest("1.0", seen)]
    assert set(states) == {"error"}


@pytest.mark.parametrize(
    ("store", "said"),
    [
        ("redis://user:geheim@127.0.0.1:1/0", "127.0.0.1:1"),
        ("sqlite:////dev/null/no/such/folder/x.db", "/dev/null/no/such"),
        ("ftp://user:geheim@host/x", "'ftp' is not allowed"),
    ],
)
def test_a_store_that_does_not_work_is_an_error(store: str, said: str) -> None:
    found = doctor(before=NO_LITELLM, code=1, HEADROOM_STORE=store)
    assert found["store"]["state"] == "error"
    assert said in found["store"]["said"]
    assert "geheim" not in found[""]
    if store.startswith("redis"):
        assert doctor("--offline", before=NO_LITELLM, HEADROOM_STORE=store)["store"]["state"] == "note"


def test_a_store_that_works_is_written_and_read(tmp_path: Path) -> None:
    file = tmp_path / "originals.db"
    found = doctor(before=NO_LITELLM, HEADROOM_STORE=f"sqlite:///{file}")
    assert found["store"]["state"] == "ok"
    assert file.stat().st_size > 0


@pytest.mark.parametrize(
    ("variable", "value", "state", "said"),
    [
        ("HEADROOM_MIN_TOKENS", "many", "error", "HEADROOM_MIN_TOKENS cannot be read"),
        ("HEADROOM_MODEL_LIMIT", "-5", "error", "model_limit"),
        ("HEADROOM_LEVEL", "max", "error", "level"),
        ("HEADROOM_TARGET_RATIO", "7", "error", "target_ratio"),
        ("HEADROOM_CALL_TYPES", "completions", "error", "unknown call type"),
        ("HEADROOM_MIN_TOKEN", "5", "warning", "nothing reads it"),
        ("HEADROOM_LEVEL", "aggressive", "ok", "HEADROOM_LEVEL=aggressive"),
    ],
)
def test_settings_are_read_as_the_integrations_read_them(variable: str, value: str, state: str, said: str) -> None:
    findings = environment.check_environment({variable: value})
    worst = [f for f in findings if f.state == state]
    assert worst, findings
    assert said in worst[0].said
    if variable == "HEADROOM_MIN_TOKEN":
        assert "HEADROOM_MIN_TOKENS" in worst[0].action


def test_a_bad_setting_is_an_exit_code() -> None:
    found = doctor(before=NO_LITELLM, code=1, HEADROOM_MIN_TOKENS="many")
    assert found["environment"]["state"] == "error"


def test_settings_of_the_service_are_read_as_it_reads_them() -> None:
    pytest.importorskip("pydantic_settings")
    secret = "postgresql://user:geheim@db.example/x"
    found = doctor(before=NO_LITELLM, code=1, HEADROOM_CLOUD_PORT="many", HEADROOM_CLOUD_DATABASE=secret)
    assert "HEADROOM_CLOUD_PORT" in found["environment"]["said"]
    assert "geheim" not in found[""]
    found = doctor(before=NO_LITELLM, HEADROOM_CLOUD_PROT="80", HEADROOM_CLOUD_DATABASE=secret)
    assert "HEADROOM_CLOUD_PROT" in found["environment"]["said"]
    assert "geheim" not in found[""]


def test_no_secret_is_shown() -> None:
    given = {
        "HEADROOM_API_KEY": "hdr_geheim",
        "HEADROOM_STORE_SECRET": "geheim",
        "HEADROOM_STORE": "redis://geheim:geheim@host:7/0?password=geheim",
        "HEADROOM_API_URL": "https://geheim:geheim@host/base?key=geheim",
        "HEADROOM_CLOUD_REDIS": "redis://:geheim@host",
        "HEADROOM_CLOUD_METRICS_TOKEN": "geheim",
        "HEADROOM_OF_SOMEBODY_ELSE": "geheim",
    }
    findings = environment.check_environment(given)
    assert "host:7/0" in str(findings)
    assert "geheim" not in str(findings)


def test_every_variable_that_the_package_reads_is_known() -> None:
    """A variable that a new feature reads must not be called unknown."""
    read = re.compile(r"environ(?:\.get)?[(\[]\s*[\"'](HEADROOM_[A-Z_]+)[\"']")
    found = {name for file in PACKAGE.rglob("*.py") for name in read.findall(file.read_text())}
    assert {"HEADROOM_STORE", "HEADROOM_API_KEY"} <= found
    assert {name for name in found if not name.startswith("HEADROOM_CLOUD_")} <= environment.known_variables()


class _Service(BaseHTTPRequestHandler):
    """Answers as a service does: key "good" compresses, "lazy" gives back what came, others are refused."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        key = self.headers["x-headroom-key"]
        if key == "good":
            body["messages"][0]["content"] = "short"
        data = json.dumps({"messages": body["messages"]}).encode()
        self.send_response(200 if key in ("good", "lazy") else 401)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


def test_the_service_is_asked_with_the_key_that_is_set() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        for key, state, said in (
            ("good", "ok", "compressed in"),
            ("lazy", "warning", "did not compress"),
            ("geheim", "error", "status 401"),
            ("", "warning", "no HEADROOM_API_KEY"),
        ):
            finding = environment.check_service({"HEADROOM_API_URL": url, "HEADROOM_API_KEY": key}, 5, False)
            assert (finding.state, said in finding.said) == (state, True), finding
            assert "geheim" not in str(finding)
        asked = environment.check_service({"HEADROOM_API_URL": url, "HEADROOM_API_KEY": "good"}, 5, True)
        assert "not asked" in asked.said
    finally:
        server.shutdown()
        server.server_close()
    gone = environment.check_service({"HEADROOM_API_URL": url, "HEADROOM_API_KEY": "good"}, 5, False)
    assert gone.state == "error"
    plain = environment.check_service({"HEADROOM_API_URL": "http://example.org", "HEADROOM_API_KEY": "good"}, 5, False)
    assert "https" in plain.said
    alone = environment.check_service({"HEADROOM_API_KEY": "good"}, 5, False)
    assert alone.state == "warning"


def test_extras_are_told_as_they_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"new": "3.1", "old": "1.9.9"}

    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    requires = [
        'new>=3; extra == "whole"', 'old>=1.10; extra == "stale"', 'new>=3; extra == "part"', 'gone; extra == "part"',
        f"gone; sys_platform != '{sys.platform}' and extra == 'whole'",
    ]  # fmt: skip
    monkeypatch.setattr(installation.metadata, "version", version)
    monkeypatch.setattr(installation.metadata, "requires", lambda _: requires)
    found = {finding.check: finding for finding in installation.check_extras()}
    assert (found["extra whole"].state, found["extra whole"].said) == ("ok", "new 3.1")
    assert found["extra stale"].state == "warning"
    assert "old 1.9.9 (needs 1.10)" in found["extra stale"].said
    assert found["extra part"].state == "note"
    assert "gone" in found["extra part"].said


def test_a_core_of_another_version_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation.metadata, "version", lambda _: "0.0.1")
    finding = installation.check_package()
    assert finding.state == "error"
    assert "0.0.1" in finding.said


def test_a_build_for_developers_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation._core, "build_info", lambda: ("debug", "x", ["o200k_base"]))
    assert installation.check_core().state == "warning"


def test_compression_that_breaks_a_promise_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(works, "expand", lambda text: "")
    finding = works.check_compression()
    assert finding.state == "error"
    assert "the line with the error is gone" in finding.said


def test_a_check_that_hangs_is_left_alone() -> None:
    with pytest.raises(TookTooLong):
        in_time(threading.Event().wait, 0.05)
    with pytest.raises(ZeroDivisionError):
        in_time(lambda: 1 // 0, 5)
    assert in_time(lambda: None, 5) is None


def test_a_person_gets_lines_and_what_to_do() -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith("HEADROOM_")}
    env |= {"PYTHONPATH": str(PACKAGE.parent), "HEADROOM_STORE": "ftp://x", "HEADROOM_MIN_TOKEN": "5"}
    program = f"{NO_LITELLM}; import sys; from headroom.cli import main; sys.exit(main(['doctor']))"
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.search(r"^ok +headroom +0\.", done.stdout)
    assert re.search(r"^FAIL +store +", done.stdout, re.MULTILINE)
    assert "→ did you mean HEADROOM_MIN_TOKENS?" in done.stdout
    assert "1 of" in done.stdout.splitlines()[-1]
