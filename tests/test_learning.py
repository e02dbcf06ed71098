"""Learning from use: signals in all dialects, the maths of evidence, drift, policies, `headroom learn`."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from headroom import HeadroomError, compress
from headroom._core import json_structure
from headroom.learning import fields, policy
from headroom.learning.conversation import digest, up_to_first_output
from headroom.learning.evidence import MEMORY, USE_AT_MOST, WATCH, Evidence, lower_bound, upper_bound
from headroom.learning.learner import Learner
from headroom.learning.policy import Field, judge
from headroom.learning.signals import PRESENT, RETRIEVED, SEEN, USED, merge, observe, retrieved, structure_of
from headroom.learning.values import Sayings

OUTPUT = {
    "flights": [
        {"flight_number": "HAT069", "cabin": "basic_economy", "departs": "2026-05-20T18:05:00", "price": 1234.50,
         "fare_basis": "YQX77", "seats": 4, "refundable": True, "note": "A window seat with more room for legs"},
        {"flight_number": "HAT083", "cabin": "business_class", "departs": "2026-05-21T01:00:00", "price": 812.25,
         "fare_basis": "KLM12", "seats": 7, "refundable": False, "note": "Breakfast is served on board"},
    ],
    "meta": {"trace": "9f31c0d2a4b7e855", "took_ms": 1730},
}  # fmt: skip
TEXT = json.dumps(OUTPUT)
STRUCTURE = json_structure(TEXT)[0]  # type: ignore[index]
ANSWER = "I found HAT069, Basic Economy, on May 20 at 6:05 pm for $1,234.5."
USED_FIELDS = {"flight_number", "cabin", "departs", "price"}


def chat(answer: str | None = ANSWER, output: str = TEXT, call: str = "call_1", tool: str = "search") -> list[Any]:
    called = {"id": call, "type": "function", "function": {"name": tool, "arguments": '{"to": "Rome"}'}}
    rows: list[Any] = [
        {"role": "user", "content": "Find me a flight."},
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": call, "content": output},
    ]
    return [*rows, {"role": "assistant", "content": answer}] if answer is not None else rows


def anthropic() -> list[Any]:
    return [
        {"role": "user", "content": [{"type": "text", "text": "Find me a flight."}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "search", "input": {"to": "Rome"}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": TEXT}]}]},
        {"role": "assistant", "content": [{"type": "text", "text": ANSWER}]},
    ]  # fmt: skip


def responses() -> list[Any]:
    return [
        {"role": "user", "content": "Find me a flight."},
        {"type": "reasoning", "summary": []},
        {"type": "function_call", "call_id": "c1", "name": "search", "arguments": '{"to": "Rome"}'},
        {"type": "function_call_output", "call_id": "c1", "output": TEXT},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": ANSWER}]},
    ]


def flags(messages: list[Any], hidden: Any = None) -> dict[str, int]:
    """Flags by the last name of the field."""
    found = observe(messages, hidden)
    return {fields.last_name(path): flag for (path, place), flag in found["search", STRUCTURE].items() if not place}


@pytest.mark.parametrize("messages", [chat(), anthropic(), responses()], ids=["chat", "anthropic", "responses"])
def test_used_fields_of_every_dialect(messages: list[Any]) -> None:
    found = flags(messages)
    assert {name for name, flag in found.items() if flag & USED} == USED_FIELDS
    assert {name for name, flag in found.items() if flag == PRESENT | SEEN} == {
        "fare_basis", "note", "trace", "took_ms",
    }  # fmt: skip
    # Small numbers and words match by chance: they say nothing either way.
    assert {name for name, flag in found.items() if flag == PRESENT} == {"seats", "refundable"}


def test_arguments_of_later_calls_are_uses_and_so_is_thinking() -> None:
    call = {"id": "c2", "type": "function", "function": {"name": "book", "arguments": '{"fare": "yqx77"}'}}
    later = [*chat(None), {"role": "assistant", "content": "", "tool_calls": [call]}]
    assert flags(later)["fare_basis"] & USED
    thinking = [*anthropic()[:3], {"role": "assistant", "content": [{"type": "thinking", "thinking": "KLM12 it is"}]}]
    assert flags(thinking)["fare_basis"] & USED


def test_what_was_said_before_an_output_is_no_use_of_it() -> None:
    early = [{"role": "user", "content": "?"}, {"role": "assistant", "content": ANSWER}, *chat("Nothing fits.")]
    assert not any(flag & USED for flag in flags(early).values())


def test_an_output_counts_as_unused_only_once_there_was_an_answer() -> None:
    assert observe(chat(None)) == {}
    call = {"id": "c2", "type": "function", "function": {"name": "wait", "arguments": "{}"}}
    working = [*chat(None), {"role": "assistant", "content": "Let me look at HAT069.", "tool_calls": [call]}]
    found = flags(working)
    assert found["flight_number"] == PRESENT | SEEN | USED
    assert found["fare_basis"] == PRESENT
    for i in range(8):
        working += [{"role": "tool", "tool_call_id": "c2", "content": "ok"}, {**working[-1], "content": f"again {i}"}]
    assert flags(working)["fare_basis"] == PRESENT | SEEN


def test_what_the_policy_left_out_is_not_seen_unless_it_is_used_or_fetched() -> None:
    hidden = {"search": {STRUCTURE: {"drop": ["$.flights[].fare_basis", "$.meta"]}}}
    found = flags(chat(), hidden)
    assert found["fare_basis"] == found["trace"] == PRESENT
    assert found["note"] == PRESENT | SEEN
    assert flags(chat("The fare is YQX77."), hidden)["fare_basis"] & USED
    asked = [*chat(), *retrieval("fare basis", "YQX77")]
    assert flags(asked, hidden)["fare_basis"] == PRESENT | SEEN | RETRIEVED
    assert flags([*chat(), *retrieval("", TEXT)], hidden)["trace"] & RETRIEVED
    assert not flags([*chat(), *retrieval("", "something else")], hidden)["trace"] & RETRIEVED


def retrieval(query: str, answer: str) -> list[Any]:
    arguments = json.dumps({"hash": "0" * 24, **({"query": query} if query else {})})
    called = {"id": "r1", "type": "function", "function": {"name": "headroom_retrieve", "arguments": arguments}}
    return [
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "r1", "content": answer},
    ]


def test_a_retrieval_says_which_fields_were_wanted() -> None:
    dropped = ["$.flights[].fare_basis", "$.flights[].note", "$.meta.trace"]
    assert retrieved(TEXT, "the note of HAT069", "…", dropped) == {"$.flights[].note"}
    assert retrieved(TEXT, "KLM12", '{"flight_number":"HAT083","fare_basis":"KLM12"}', dropped) == {
        "$.flights[].fare_basis"
    }
    assert retrieved(TEXT, "", TEXT, dropped) == set(dropped)
    assert retrieved("no JSON", "note", "no JSON", dropped) == set()


def test_records_by_their_place() -> None:
    many = json.dumps({"rows": [{"code": f"A{i}B{i * 7919 % 997:03d}"} for i in range(60)]})
    structure = json_structure(many)
    assert structure is not None
    wanted = json.loads(many)["rows"][12]["code"]
    found = observe(chat(f"It is {wanted}.", many))["search", structure[0]]
    used = {place for (_, place), flag in found.items() if place and flag & USED}
    assert used == {"10-19"}
    assert {place for _, place in found if place} == {"0", "1-2", "3-4", "5-9", "10-19", "20-49", "50-"}


@pytest.mark.parametrize(
    ("value", "text", "expected"),
    [
        ("basic_economy", "in Basic Economy class", True),
        ("HAT069", "flight hat069!", True),
        ("HAT06", "flight hat069!", False),
        ("1234.50", "costs $1,234.5 in all", True),
        ("1,234.50", "costs 1234.50", True),
        ("1234.5", "kostet 1.234,50 EUR", True),
        ("1199123", "about 1.2 million", True),
        ("1299123", "about 1.2 million", False),
        ("0.123", "12.3 % more", True),
        ("123450", "that is $1234.50", True),
        ("2026-05-20", "on the 20th of May", True),
        ("2026-05-20", "on the 21st of May", False),
        ("2026-05-20T18:05:00Z", "at 6:05 PM", True),
        ("18:05:00", "at 18:05", True),
        ("18:05:00", "at 18:06", False),
        ("A window seat with more room for legs", "it has a window seat with more room", True),
        ("A window seat with more room for legs", "sit with more people", False),
        ("https://a.example/x/9f31c0", "see https://a.example/y", False),
        ("true", "true", None),
        ("42", "42", None),
        ("", "", None),
        ("1e400000000", "1", None),
    ],
)
def test_ways_to_say_a_value(value: str, text: str, expected: bool | None) -> None:
    assert Sayings([(1, text)]).has(value, 0) is expected


def test_a_value_in_two_fields_counts_for_both() -> None:
    text = json.dumps({"a": {"x": "KLM12"}, "b": {"y": "KLM12", "z": "other"}})
    structure = json_structure(text)
    assert structure is not None
    found = observe(chat("KLM12", text))["search", structure[0]]
    assert found["$.a.x", ""] & USED
    assert found["$.b.y", ""] & USED
    assert not found["$.b.z", ""] & USED


def test_odd_rows_are_left_out() -> None:
    odd: list[Any] = [
        None, 7, "text", {}, {"role": None}, {"role": "tool", "content": 3}, {"role": "assistant", "tool_calls": "x"},
        {"role": "assistant", "tool_calls": [None, {"function": None}, {"function": {"name": 3, "arguments": 4}}]},
        {"role": "user", "content": [{"type": "tool_result"}, None, {"type": "tool_result", "content": [7]}]},
        {"type": "function_call", "name": None}, {"type": "function_call_output", "output": None},
        {"role": "tool", "tool_call_id": "call_9", "name": "odd", "content": '{"a": "\\ud83d"}'},
    ]  # fmt: skip
    assert flags([*odd, *chat(), *odd])["flight_number"] & USED


def test_names_that_are_data_are_not_remembered() -> None:
    text = json.dumps({
        "ana@mail.example": "x" * 9, "id_4421486": "y" * 9, "9f31c0d2a4b7e855": {"a": "z" * 9}, "plain": "w" * 9,
        "other": "v" * 9,
        "of": {"2026-05-20": {"open": "abcd"}, "2026-05-21": {"open": "efgh"}},
    })  # fmt: skip
    found = structure_of(text)
    assert found is not None
    assert set(found[1]) == {"$.plain", "$.other", "$.of.*.open"}


def test_a_conversation_has_one_name_however_it_is_written() -> None:
    messages = chat()
    name = digest(up_to_first_output(messages), b"key")
    assert digest(up_to_first_output(messages[:3]), b"key") == name
    marked = json.loads(json.dumps(messages))
    marked[0]["content"] = [{"type": "text", "text": "Find me a flight.", "cache_control": {"type": "ephemeral"}}]
    marked[1]["refusal"] = None
    assert digest(up_to_first_output(marked), b"key") == name
    assert digest(up_to_first_output(messages), b"other") != name
    assert digest(up_to_first_output(chat(output=TEXT + " ")), b"key") != name


def test_the_bounds_are_clopper_and_pearsons() -> None:
    def at_most(k: int, n: int, p: float) -> float:
        return sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))

    for k, n in ((0, 149), (1, 200), (2, 300), (17, 60), (85, 100)):
        assert at_most(k, n, upper_bound(k, n)) == pytest.approx(0.05, rel=1e-3)
        if k:
            assert 1 - at_most(k - 1, n, lower_bound(k, n)) == pytest.approx(0.05, rel=1e-3)
    assert upper_bound(0, 0.0) == 1.0
    assert upper_bound(5, 5) == 1.0
    assert upper_bound(0, 148) > USE_AT_MOST > upper_bound(0, 149)


def quiet(evidence: Evidence, count: int) -> Evidence:
    for _ in range(count):
        evidence.add(True, True, False, False)
    return evidence


def state(evidence: Evidence, path: str = "$.rows[].fare") -> str:
    return judge(path, evidence).state


def test_a_field_goes_after_149_conversations_without_a_use() -> None:
    assert state(quiet(Evidence(), 148)) == "kept"
    assert state(quiet(Evidence(), 149)) == "dropped"
    assert state(Evidence(present=1000)) == "kept"
    for path in ("$.rows[].id", "$.user_id", "$.error.detail", "$.status", "$.invoice_number"):
        assert state(quiet(Evidence(), 300), path) == "kept"


def test_used_fields_together_may_not_take_more_than_half_a_per_cent_of_all_use() -> None:
    def used(every: int) -> Evidence:
        evidence = Evidence()
        for i in range(399):
            evidence.add(True, True, i % every == 0, False)
        return evidence

    known = [(Field("t", "0" * 16, f"$.rare{i}"), used(400)) for i in range(6)]
    known += [(Field("t", "0" * 16, f"$.never{i}"), quiet(Evidence(), 399)) for i in range(9)]
    known += [(Field("t", "0" * 16, f"$.often{i}"), used(2)) for i in range(7)]
    dropped = [field.path for field, verdict in policy.judge_all(known) if verdict.is_dropped]
    assert sum("rare" in path for path in dropped) == 2, "three of 1,406 uses may be more than 0.5 %, two are not"
    assert sum("never" in path for path in dropped) == 9
    # Alone, each of them would go.
    assert all(judge(field.path, evidence).is_dropped for field, evidence in known[:6])


def test_one_use_brings_a_field_back_and_thirty_quiet_ones_let_it_go() -> None:
    evidence = quiet(Evidence(), 390)
    evidence.add(True, True, True, False)
    assert state(evidence) == "kept"
    assert "watched" in judge("$.rows[].fare", evidence).why
    assert state(quiet(evidence, WATCH - 1)) == "kept"
    assert state(quiet(evidence, 1)) == "dropped"


def test_a_retrieval_is_a_use() -> None:
    evidence = quiet(Evidence(), 390)
    evidence.add(True, True, False, True)
    assert state(evidence) == "kept"
    assert evidence.retrieved == 1


def test_two_uses_in_thirty_forget_what_was_known() -> None:
    evidence = quiet(Evidence(), 390)
    for _ in range(2):
        evidence.add(True, True, True, False)
        quiet(evidence, 5)
    assert evidence.changes == 1
    assert evidence.seen < 20
    assert state(quiet(evidence, 140)) == "kept"


def test_a_field_that_falls_silent_starts_anew() -> None:
    evidence = Evidence()
    for i in range(300):
        evidence.add(True, True, i % 5 != 0, False)
    assert state(quiet(evidence, 60)) == "kept"
    assert evidence.changes == 1
    assert state(quiet(evidence, 89)) == "dropped"
    rare = Evidence()
    rare.add(True, True, True, False)
    # Once at the very beginning is no habit that could have ended.
    assert quiet(rare, 350).changes == 0
    assert rare.used == 1


def test_old_counts_fade() -> None:
    evidence = quiet(Evidence(), 5000)
    assert MEMORY / 2 <= evidence.seen < MEMORY
    assert evidence.present == 5000


def test_rare_use_is_seldom_taken_for_none() -> None:
    """What 95 % confidence promises, with 0.5 points for luck: 2,000 fields used in 2.5 % of 200 conversations."""
    rng = random.Random(7)
    dropped = 0
    for _ in range(2000):
        evidence = Evidence()
        for _ in range(200):
            evidence.add(True, True, rng.random() < 0.025, False)
        dropped += state(evidence) == "dropped"
    assert dropped / 2000 < 0.055


def teach(learner: Learner, count: int, answer: str = ANSWER, start: int = 0) -> None:
    for i in range(start, start + count):
        learner.add(chat(answer, call=f"call_{i}"))


def test_a_conversation_counts_once_however_often_it_is_sent() -> None:
    learner = Learner()
    for _ in range(3):
        messages = chat()
        learner.add(messages[:3])
        learner.add(messages)
        learner.add([*messages, {"role": "user", "content": "And the fare?"},
                     {"role": "assistant", "content": "It is YQX77."}])  # fmt: skip
    evidence = learner.evidence[Field("search", STRUCTURE, "$.flights[].fare_basis")]
    assert learner.conversations == 1
    assert (evidence.present, evidence.seen, evidence.used, evidence.quiet) == (1, 1, 1, 0)


def test_the_policy_is_applied_by_compress_and_saves() -> None:
    learner = Learner()
    teach(learner, 160)
    document = learner.policy(version=3)
    drop = document["tools"]["search"][STRUCTURE]["drop"]
    assert set(drop) == {"$.flights[].fare_basis", "$.flights[].note", "$.meta.trace", "$.meta.took_ms"}
    assert document["tools"]["search"][STRUCTURE]["fields"]["$.flights[].price"]["used"] == 160
    output = json.dumps({**OUTPUT, "flights": OUTPUT["flights"] * 6})  # type: ignore[operator]
    plain, learned = (compress(chat(None, output), policy=p) for p in (None, document))
    assert learned.tokens_after < plain.tokens_after
    text = learned.messages[2]["content"]
    assert "HAT069" in text
    assert "YQX77" not in text
    named = chat(None, output)
    named[0]["content"] = "Find me a flight, and tell me its fare basis."
    assert "YQX77" in compress(named, policy=document).messages[2]["content"]


def test_a_new_structure_has_no_evidence() -> None:
    learner = Learner()
    teach(learner, 160)
    other = json.dumps({**OUTPUT, "seats": [{"row": "12A"}] * 20, "flights": OUTPUT["flights"] * 6})  # type: ignore[operator]
    assert json_structure(other)[0] != STRUCTURE  # type: ignore[index]
    assert "YQX77" in compress(chat(None, other), policy=learner.policy()).messages[2]["content"]


def test_use_that_changes_is_noticed_within_thirty_conversations() -> None:
    learner = Learner()
    teach(learner, 300)
    field = Field("search", STRUCTURE, "$.flights[].fare_basis")
    assert dict(learner.judged())[field].is_dropped
    teach(learner, 1, "Fare YQX77 for HAT069.", start=1000)
    assert not dict(learner.judged())[field].is_dropped
    teach(learner, 1, "Fare YQX77 for HAT069.", start=1001)
    assert learner.evidence[field].changes == 1


def test_flags_of_requests_add_up() -> None:
    into = observe(chat())
    merge(into, observe(chat("YQX77")))
    assert into["search", STRUCTURE]["$.flights[].fare_basis", ""] & USED


BAD: list[Any] = [
    None, [], "x", {}, {"headroom_policy": 2, "tools": {}}, {"headroom_policy": 1}, {"headroom_policy": 1, "tools": []},
    {"headroom_policy": 1, "version": -1, "tools": {}}, {"headroom_policy": 1, "version": "1", "tools": {}},
    {"headroom_policy": 1, "tools": {"t": {"no digest": {}}}}, {"headroom_policy": 1, "tools": {"": {}}},
    {"headroom_policy": 1, "tools": {"t": {"0" * 16: {"drop": ["a.b"]}}}},
    {"headroom_policy": 1, "tools": {"t": {"0" * 16: {"drop": ["$"]}}}},
    {"headroom_policy": 1, "tools": {"t": {"0" * 16: {"drop": ["$.a"], "fields": {"$.a": {"state": "gone"}}}}}},
    {"headroom_policy": 1, "tools": {"t": {"0" * 16: {"fields": {"$.a": {"state": "kept", "seen": -1}}}}}},
    {"headroom_policy": 1, "tools": {"t": {"0" * 16: {"fields": {"$.a": {"state": "kept", "seen": True}}}}}},
    {"headroom_policy": 1, "tools": {"t" * 65: {}}},
]  # fmt: skip


@pytest.mark.parametrize("document", BAD)
def test_what_is_no_policy_is_refused_with_a_reason(document: Any) -> None:
    with pytest.raises(HeadroomError, match="allowed"):
        policy.check(document)


def test_a_document_is_kept_as_it_was_made() -> None:
    learner = Learner()
    teach(learner, 160)
    document = learner.policy(version=9)
    checked = policy.check(json.loads(json.dumps(document)))
    assert policy.dropped(checked) == policy.dropped(document)
    assert json.loads(policy.for_core(document) or "")["version"] == 9
    assert policy.for_core(document, "forbidden") is None


def learn(*arguments: str, stdin: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "headroom.cli", "learn", *arguments]
    done = subprocess.run(line, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done


def test_the_command_writes_a_policy_that_compress_applies(tmp_path: Path) -> None:
    recorded, out = tmp_path / "runs.jsonl", tmp_path / "policy.json"
    lines = []
    for i in range(160):
        messages = chat(call=f"call_{i}")
        # Requests as a proxy logs them: the history comes again and again.
        lines += [json.dumps({"model": "gpt-4o", "messages": messages[:3]}), json.dumps(messages)]
    recorded.write_text("\n".join(lines) + "\n\n")
    done = learn(str(recorded), "--policy", str(out))
    assert f"search {STRUCTURE}: 160 conversations, 4 of 10 fields are dropped" in done.stdout
    assert "$.flights[].fare_basis" in done.stdout
    assert "$.flights[].price" not in done.stdout
    assert "YQX77" not in out.read_text() + done.stdout
    output = json.dumps({**OUTPUT, "flights": OUTPUT["flights"] * 6})  # type: ignore[operator]
    assert "YQX77" not in compress(chat(None, output), policy=str(out)).messages[2]["content"]
    assert "$.flights[].price" in learn(str(recorded), "--all").stdout
    again = learn("-", "--policy", "-", "--applied", str(out), stdin=recorded.read_text())
    # What had been left out could not be seen.
    assert policy.dropped(json.loads(again.stdout)) == {}


def test_the_command_says_what_it_cannot_read(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text(json.dumps(chat()) + '\n{"no": "request"}\n')
    assert "line 2 of" in learn(str(bad), code=1).stderr
    assert "cannot read" in learn(str(tmp_path / "none"), code=1).stderr
    (tmp_path / "policy.json").write_text("{}")
    assert "is not a policy" in learn("-", "--applied", str(tmp_path / "policy.json"), code=1).stderr
    assert "0 conversations" in learn("-").stdout
