"""Policies in the integrations: `HEADROOM_POLICY`, the argument, a changed file, and one that cannot be read."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest
from headroom import _core, compress
from headroom.integrations.asgi_body import Rewriter
from headroom.integrations.engine import Engine
from headroom.integrations.ledger import Ledger
from headroom.integrations.settings import Settings, arguments_from

ROWS = [{"key": f"k{i}", "state": "on", "blob": f"{i * 7919 % 99991:x}-{i * 104729 % 99991:x}"} for i in range(120)]
MESSAGES: list[dict[str, Any]] = [
    {"role": "user", "content": "Which of them are on?"},
    {
        "role": "assistant",
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "rows", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "c1", "content": json.dumps(ROWS)},
]


def policy(version: int = 1) -> dict[str, Any]:
    found = _core.json_structure(json.dumps(ROWS))
    assert found is not None
    return {"headroom_policy": 1, "version": version, "tools": {"rows": {found[0]: {"drop": ["$[].blob"]}}}}


def settings(**more: Any) -> Settings:
    return Settings.make(500, 200_000, None, None, None, more)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(policy()), encoding="utf-8")
    monkeypatch.setenv("HEADROOM_POLICY", str(path))
    return path


def test_the_variable_names_a_file_for_calls_and_bodies(file: Path) -> None:
    expected = compress(MESSAGES, policy=policy()).messages
    assert "policy 1 leaves out" in expected[-1]["content"]
    assert Engine(settings()).compress(MESSAGES, "gpt-4o").messages == expected
    body = json.dumps({"model": "gpt-4o", "messages": MESSAGES}).encode()
    new, _ = Rewriter(settings(), Ledger(), 1 << 20).rewrite(body, None)
    assert new is not None
    assert json.loads(new)["messages"] == expected


def test_an_argument_wins_over_the_variable(file: Path) -> None:
    done = Engine(settings(policy=policy(5))).compress(MESSAGES, "gpt-4o")
    assert done.messages is not None
    assert "policy 5 leaves out" in done.messages[-1]["content"]
    named = arguments_from({"HEADROOM_POLICY": "a.json"}, {"policy": "b.json"})
    assert named["policy"] == "b.json"
    assert arguments_from({"HEADROOM_POLICY": "a.json"}, {})["policy"] == "a.json"


def test_the_callback_follows_the_variable_and_a_changed_file(file: Path) -> None:
    pytest.importorskip("litellm")
    from headroom.integrations.litellm_callback import HeadroomCallback

    engine = HeadroomCallback()._engine
    for version in (1, 2):
        file.write_text(json.dumps(policy(version)), encoding="utf-8")
        os.utime(file, ns=(version, version))
        done = engine.compress(MESSAGES, "gpt-4o")
        assert done.messages is not None
        assert f"policy {version} leaves out" in done.messages[-1]["content"]


@pytest.mark.parametrize("broken", ["{", '{"headroom_policy": 9}', None])
def test_a_policy_that_cannot_be_read_is_logged_and_counted(
    file: Path, broken: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    if broken is None:
        file.unlink()
    else:
        file.write_text(broken, encoding="utf-8")
    engine = Engine(settings())
    with caplog.at_level(logging.DEBUG, "headroom.integrations"):
        done = engine.compress(MESSAGES, "gpt-4o")
    assert done.messages == compress(MESSAGES).messages
    assert engine.ledger.stats()["events"] == {"policy failed": 1}
    assert "compressing without a policy" in caplog.text
    assert str(file) in caplog.text
    ledger = Ledger()
    body = json.dumps({"model": "gpt-4o", "messages": MESSAGES}).encode()
    new, outcome = Rewriter(settings(), ledger, 1 << 20).rewrite(body, None)
    assert new is not None
    assert outcome.status == "compressed"
    assert ledger.stats()["events"] == {"policy failed": 1}
