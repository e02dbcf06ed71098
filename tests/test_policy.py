"""Policies at the level of their users: what is left out, what stays, and that the five promises hold."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import headroom
import pytest
from headroom import CompressConfig, _core, compress
from headroom.cli import main

TOOL = "search_flights"
QUESTION = "Which of them should I take in the morning?"


def output(n: int = 30, **more: Any) -> dict[str, Any]:
    """What the tool returns: fields that differ from record to record."""
    return {
        "flights": [
            {
                "flight_id": f"HAT{100 + i}",
                "status": "available",
                "departs": f"{6 + i % 12:02}:{i * 7 % 60:02}",
                "fare_basis": f"Y{i * 7919 % 997}QR{i}",
                "aircraft": {"tail": f"N{i * 611 % 9973}XB", "seats": 100 + i * 13 % 90},
                "notes": [] if i % 3 else [f"gate moved {i * 17 % 41} times", f"belt {i * 5 % 7}"],
                **more,
            }
            for i in range(n)
        ],
        "meta": {"trace": "a81f-9c27-77b0-41d2", "took_ms": 31, "request_id": "r-9917"},
    }


def policy(drop: list[str], value: Any = None, tool: str = TOOL, version: int = 17) -> dict[str, Any]:
    found = _core.json_structure(json.dumps(output() if value is None else value))
    assert found is not None
    return {"headroom_policy": 1, "version": version, "tools": {tool: {found[0]: {"drop": drop}}}}


DROP = ["$.flights[].fare_basis", "$.flights[].aircraft", "$.meta.trace"]


def chat(text: str, question: str = QUESTION, arguments: str = '{"to": "SEA"}', beside: str = "") -> list[Any]:
    call = {"id": "c1", "type": "function", "function": {"name": TOOL, "arguments": arguments}}
    return [
        {"role": "user", "content": question},
        {"role": "assistant", "content": beside, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": text},
    ]


def anthropic(text: str) -> list[Any]:
    return [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": TOOL, "input": {"to": "SEA"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": text}]},
    ]


def responses(text: str) -> list[Any]:
    return [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": QUESTION}]},
        {"type": "function_call", "call_id": "c1", "name": TOOL, "arguments": '{"to": "SEA"}'},
        {"type": "function_call_output", "call_id": "c1", "output": text},
    ]


def text_of(message: dict[str, Any]) -> str:
    content = message.get("content", message.get("output"))
    while isinstance(content, list):
        content = content[0].get("text", content[0].get("content"))
    assert isinstance(content, str)
    return content


def mark_and_data(text: str) -> tuple[str, Any]:
    """The mark, and the data as a reader sees them."""
    mark, _, data = headroom.expand(text).partition("\n")
    return mark, json.loads(data)


def without_dropped(value: dict[str, Any]) -> dict[str, Any]:
    """What `DROP` leaves."""
    value = copy.deepcopy(value)
    for flight in value["flights"]:
        del flight["fare_basis"], flight["aircraft"]
    del value["meta"]["trace"]
    return value


@pytest.mark.parametrize("dialect", [chat, anthropic, responses])
@pytest.mark.parametrize("level", ["balanced", "aggressive"])
@pytest.mark.parametrize("indent", [None, 2])
def test_what_the_policy_names_is_left_out_behind_one_mark(dialect: Any, level: str, indent: int | None) -> None:
    text = json.dumps(output(), indent=indent)
    plain = compress(dialect(text), level=level)
    result = compress(dialect(text), level=level, policy=policy(DROP))
    assert result.tokens_after < plain.tokens_after
    assert result.transforms_applied[0] == "json:policy"
    mark, data = mark_and_data(text_of(result.messages[-1]))
    assert mark == ("[… 91 values 1-91: policy 17 leaves out flights.aircraft, flights.fare_basis, meta.trace]")
    assert data == without_dropped(output())
    assert sum(o.count for o in result.omitted) == 91
    assert {o.unit for o in result.omitted} == {"value"}
    for i, gone in enumerate(result.omitted[:30]):
        assert f"{{{gone.text}}}".replace(" ", "").replace("\n", "") == json.dumps(
            {k: output()["flights"][i][k] for k in ("fare_basis", "aircraft")}, separators=(",", ":")
        )
        assert gone.text in text


def test_a_file_a_text_and_a_config_say_the_same(tmp_path: Path) -> None:
    given = policy(DROP)
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(given), encoding="utf-8")
    messages = chat(json.dumps(output()))
    expected = compress(messages, policy=given).messages
    for other in (json.dumps(given), str(file), file):
        assert compress(messages, policy=other).messages == expected
    assert compress(messages, config=CompressConfig(policy=given)).messages == expected
    body = json.dumps({"model": "gpt-4o", "messages": messages}).encode()
    new, _ = headroom.compression.compress_body(body, policy=given)
    assert new is not None
    assert json.loads(new)["messages"] == expected


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    messages = chat(json.dumps(output()))
    for version, drop in enumerate((["$.flights[].aircraft"], DROP)):
        file.write_text(json.dumps(policy(drop, version=version)), encoding="utf-8")
        os.utime(file, ns=(version, version))
        assert f": policy {version} leaves" in compress(messages, policy=file).messages[-1]["content"]


@pytest.mark.parametrize(
    ("messages", "kept"),
    [
        (chat(json.dumps(output()), "What is the fare basis of each?"), "fare_basis"),
        (chat(json.dumps(output()), "show me `fareBasis`"), "fare_basis"),
        (chat(json.dumps(output()), "Is that aircraft a small one?"), "aircraft"),
        (chat(json.dumps(output()), beside="I will compare the seats."), "aircraft.seats"),
        (chat(json.dumps(output()), arguments='{"fields": ["fare_basis"]}'), "fare_basis"),
    ],
)
def test_a_field_that_the_turn_names_stays(messages: list[Any], kept: str) -> None:
    mark, data = mark_and_data(compress(messages, policy=policy(DROP)).messages[-1]["content"])
    said = mark.rsplit("leaves out ", 1)[1].rstrip("]").split(", ")
    assert kept not in said
    if kept == "aircraft.seats":
        assert said == ["flights.aircraft.tail", "flights.fare_basis", "meta.trace"]
        assert data["flights"][3]["aircraft"] == {"seats": output()["flights"][3]["aircraft"]["seats"]}
    else:
        assert data["flights"][3][kept] == output()["flights"][3][kept]


def test_a_field_stays_if_the_question_asks_for_one_of_its_values() -> None:
    result = compress(chat(json.dumps(output()), "When does the one with Y940QR1 leave?"), policy=policy(DROP))
    text = result.messages[-1]["content"]
    assert "leaves out flights.aircraft, meta.trace]" in text
    assert "Y940QR1" in text


def test_names_of_parameters_name_no_field() -> None:
    messages = chat(json.dumps(output()), arguments='{"aircraft": "any", "trace": true}')
    assert "aircraft" in mark_and_data(compress(messages, policy=policy(DROP)).messages[-1]["content"])[0]


def test_identifiers_states_and_errors_stay() -> None:
    value = output(error={"code": 0, "hint": "none at all in this one"}, remark="on time as ever")
    value["flights"][7]["remark"] = "FAILED at gate 4, crew missing"
    drop = ["$.flights[].flight_id", "$.flights[].status", "$.flights[].error", "$.meta.request_id"]
    messages = chat(json.dumps(value))
    expected = compress(messages).messages
    assert compress(messages, policy=policy([*drop, "$.flights[].remark"], value)).messages == expected
    # Identifiers stay in what is dropped around them.
    _, data = mark_and_data(compress(messages, policy=policy(["$.flights[]"], value)).messages[-1]["content"])
    assert set(data["flights"][0]) == {"flight_id", "status", "error", "remark"}


def test_lists_go_as_a_whole_and_records_stay() -> None:
    result = compress(chat(json.dumps(output())), policy=policy(["$.flights[].notes[]", "$.flights[].departs"]))
    mark, data = mark_and_data(text_of(result.messages[-1]))
    assert "flights.departs, flights.notes" in mark
    assert len(data["flights"]) == 30
    assert set(data["flights"][0]) == set(data["flights"][1]) == {"flight_id", "status", "fare_basis", "aircraft"}


def test_all_of_a_text_is_never_left_out() -> None:
    value = [{"a": f"x{i * 7919 % 997}", "b": f"y{i * 611 % 9973}"} for i in range(60)]
    messages = chat(json.dumps(value))
    assert compress(messages, policy=policy(["$[]"], value)).messages == compress(messages).messages


@pytest.mark.parametrize(
    "other",
    [
        {"level": "lossless"},
        {"policy": policy(DROP, tool="other_tool")},
        {"policy": policy(DROP, [output()])},
        {"policy": policy([])},
        {"policy": {"headroom_policy": 1, "version": 1, "tools": {}}},
    ],
)
def test_what_the_policy_does_not_concern_is_not_touched(other: dict[str, Any]) -> None:
    messages = chat(json.dumps(output()))
    level = other.get("level", "balanced")
    plain = compress(messages, level=level)
    result = compress(messages, **{"policy": policy(DROP), **other})
    assert result.messages == plain.messages
    assert result.omitted == plain.omitted


def test_user_messages_and_outputs_of_no_known_tool_are_not_touched() -> None:
    text = json.dumps(output())
    for messages in (
        [{"role": "user", "content": f"{text}\n\n{QUESTION}"}],
        [{"role": "tool", "tool_call_id": "x", "content": text}],
        [{"role": "system", "content": text}],
    ):
        assert compress(messages, policy=policy(DROP)).messages == compress(messages).messages


def test_a_field_that_would_save_nothing_stays() -> None:
    value = output()
    for flight in value["flights"]:
        flight["fare_basis"] = 1
    messages = chat(json.dumps(value))
    plain = compress(messages)
    assert compress(messages, policy=policy(["$.flights[].fare_basis"], value)).messages == plain.messages


def test_records_are_selected_among_what_is_left() -> None:
    messages = chat(json.dumps(output(60)), 'When does "HAT131" leave?')
    result = compress(messages, policy=policy(DROP))
    text = result.messages[-1]["content"]
    assert result.transforms_applied == ["json:policy", "json:table", "json:select"]
    assert "HAT131" in text
    assert "fare_basis:" not in text
    assert result.tokens_after < compress(messages).tokens_after
    source = messages[-1]["content"]
    records = [o for o in result.omitted if o.unit == "record"]
    values = [o for o in result.omitted if o.unit == "value"]
    assert sum(o.count for o in values) == 60 * 3 + 1
    assert records
    assert sum(o.count for o in records) < 60
    for gone in result.omitted:
        assert gone.text in source
    for gone in records:
        # The bytes of the original, fields that the policy leaves out among them.
        assert json.loads(f"[{gone.text}]") == output(60)["flights"][gone.first - 1 : gone.first - 1 + gone.count]


def test_values_on_lines_and_json_among_other_lines() -> None:
    rows = [{"key": f"k{i}", "blob": f"{i * 7919 % 99991:x}{i * 104729 % 99991:x}"} for i in range(40)]
    lines = "\n".join(json.dumps(row) for row in rows) + "\n"
    found = _core.json_structure(lines)
    assert found is not None
    assert list(found[1]) == ["$[].key", "$[].blob"]
    rules = {"headroom_policy": 1, "version": 3, "tools": {TOOL: {found[0]: {"drop": ["$[].blob"]}}}}
    result = compress(chat(lines), policy=rules)
    mark, _, rest = headroom.expand(text_of(result.messages[-1])).partition("\n")
    assert mark == "[… 40 values 1-40: policy 3 leaves out blob]"
    assert [json.loads(line) for line in rest.splitlines()] == [{"key": row["key"]} for row in rows]
    mixed = f"Done in 3 s.\n{json.dumps(output(), indent=1)}\nThat is all.\n"
    new = text_of(compress(chat(mixed), policy=policy(DROP)).messages[-1])
    assert new.startswith("Done in 3 s.\n")
    assert new.endswith("That is all.\n")
    assert "leaves out flights.aircraft, flights.fare_basis, meta.trace]" in new


def test_retrieval_gives_the_original_back_byte_for_byte() -> None:
    text = json.dumps(output(), indent=3)
    result = compress(chat(text), policy=policy(DROP), retrieval=True, store="memory://")
    (hash_,) = result.originals
    assert hash_ in result.messages[-1]["content"]
    assert result.originals[hash_] == text


def test_compressing_again_changes_nothing_in_a_fresh_process_too() -> None:
    given = policy(DROP)
    once = compress(chat(json.dumps(output())), policy=given).messages
    _core.clear_memo()
    for again in ({"policy": given}, {}, {"policy": policy(["$.flights[].notes[]"])}, {"level": "aggressive"}):
        assert compress(once, **again).messages == once
    code = (
        "import json, sys\nfrom headroom import compress\nmessages, policy = json.load(sys.stdin)\n"
        "json.dump([compress(m, policy=policy).messages for m in messages], sys.stdout)"
    )
    given_in = json.dumps([[chat(json.dumps(output())), once], given])
    done = subprocess.run([sys.executable, "-c", code], input=given_in, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [once, once]


def test_earlier_turns_stay_as_they_are() -> None:
    given = policy(DROP)
    messages: list[Any] = []
    questions = [
        QUESTION,
        "And which of them leaves as the last one?",
        "Which aircraft is the largest of these?",
        "Go on.",
    ]
    for i, question in enumerate(questions):
        turn = copy.deepcopy(chat(json.dumps(output(20 + i)), question))
        turn[1]["tool_calls"][0]["id"] = turn[2]["tool_call_id"] = f"c{i}"
        messages += [*turn, {"role": "assistant", "content": "Done."}]
    whole = compress(messages, policy=given)
    assert [("leaves out" in m["content"]) for m in whole.messages if m["role"] == "tool"] == [True] * 4
    for cut in range(4, len(messages), 4):
        _core.clear_memo()
        assert compress(messages[:cut], policy=given).messages == whole.messages[:cut]


def test_forged_marks_are_text() -> None:
    value = output()
    value["flights"][0]["departs"] = "[… 91 values 1-91: policy 17 leaves out flights.aircraft]"
    messages = chat(json.dumps(value, ensure_ascii=False))
    assert compress(messages, policy=policy(DROP)).messages == messages
    forged = "[… 91 values 1-91: policy 17 leaves out flights.aircraft]\nnot JSON"
    assert headroom.expand(forged) == forged


def test_odd_keys_in_the_mark_cannot_end_it() -> None:
    value = {
        "rows": [{"key": f"k{i}", "a]\n[… 1 line 1]": f"{i * 7919 % 99991:x}-{i * 611 % 9973}"} for i in range(40)]
    }
    result = compress(chat(json.dumps(value)), policy=policy(['$.rows[]["a]\\n[\\u2026 1 line 1]"]'], value))
    mark, data = mark_and_data(text_of(result.messages[-1]))
    assert mark == '[… 40 values 1-40: policy 17 leaves out rows|"a|\\n|… 1 line 1|"|]'
    assert data == {"rows": [{"key": f"k{i}"} for i in range(40)]}


def test_the_explanation_shows_the_rule_and_what_went() -> None:
    told = compress(chat(json.dumps(output(), indent=1)), policy=policy(DROP)).explain(full=True)
    assert "json:policy: fields that the policy names" in told
    assert '"trace": "a81f-9c27-77b0-41d2"' in told
    assert "91 values left out" in told


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"headroom_policy": 2, "version": 1, "tools": {}}, "headroom_policy is 2; allowed: 1, the format"),
        ({"version": 1, "tools": {}}, "headroom_policy is missing"),
        ({"headroom_policy": 1, "version": "1", "tools": {}}, 'version is "1"; allowed: a whole number'),
        ({"headroom_policy": 1, "version": 1, "tools": []}, "tools is []; allowed: an object"),
        ({"headroom_policy": 1, "version": 1, "tools": {"t": {"x": {}}}}, "tools.t is keyed x; allowed: a structure"),
        (policy(["flights"]), 'drop[0] is "flights"; allowed: a field path like'),
        ('{"headroom_policy": 1', "the document is no JSON"),
        ({"headroom_policy": {1}}, "it is no JSON"),
        (17, "policy must be a dict, JSON text, or the path of a file, not int"),
        ("no/such/file.json", "no/such/file.json cannot be read: No such file or directory; give the path"),
    ],
)
def test_a_policy_that_cannot_be_used_is_an_error(given: Any, said: str) -> None:
    with pytest.raises(headroom.HeadroomError) as error:
        compress(chat(json.dumps(output())), policy=given)
    assert said in str(error.value)


def test_the_command_takes_a_policy_file(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    messages = chat(json.dumps(output()))
    request, rules = tmp_path / "request.json", tmp_path / "policy.json"
    request.write_text(json.dumps({"model": "gpt-4o", "messages": messages}), encoding="utf-8")
    rules.write_text(json.dumps(policy(DROP)), encoding="utf-8")
    assert main(["compress", str(request), "--policy", str(rules)]) == 0
    out = json.loads(capsysbinary.readouterr().out)
    assert out["messages"] == compress(messages, policy=policy(DROP)).messages
    rules.write_text("{}", encoding="utf-8")
    assert main(["compress", str(request), "--policy", str(rules)]) == 1
    assert b"headroom_policy is missing" in capsysbinary.readouterr().err
