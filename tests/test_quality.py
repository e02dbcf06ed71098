"""`make quality`: the figures mean what the page says, and peers may fail in any way without ending it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHES = Path(__file__).resolve().parent.parent / "benches"
sys.path.insert(0, str(BENCHES))

import peers  # noqa: E402
import quality  # noqa: E402
import quality_cases  # noqa: E402
import quality_cost  # noqa: E402
import quality_methods as methods  # noqa: E402
import quality_page  # noqa: E402
import quality_peers  # noqa: E402
import quality_sample  # noqa: E402
import rivals  # noqa: E402


class Words:
    """A vocabulary of words, so that counts can be seen."""

    def encode_ordinary(self, text: str) -> list[str]:
        return text.split()


SCORER = quality_cases.Scorer(Words())
QUESTION = "Which port is it?"


def case(*gold: str, is_any: bool = False, payload: str = "") -> quality_cases.Case:
    call = {"name": "shell", "arguments": json.dumps({"command": "cat x", "why": QUESTION})}
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": call}]},
        {"role": "tool", "tool_call_id": "1", "content": payload},
    ]
    return quality_cases.Case("set", "id", "log", messages, QUESTION, list(gold), is_any)


def with_output(given: quality_cases.Case, text: str) -> list[dict[str, Any]]:
    return [*given.messages[:-1], given.messages[-1] | {"content": text}]


def test_kept_is_the_share_of_gold_or_whether_there_is_any() -> None:
    for is_any, wanted in ((False, 0.5), (True, 1.0)):
        one = case("Port 5433", "missing", is_any=is_any, payload="the PORT\n5433 and missing")
        assert SCORER.score(one, one.messages, with_output(one, "the port\n5433")).kept == wanted
    none = case(payload="x")
    assert SCORER.score(none, none.messages, none.messages).kept is None


def test_context_needs_a_third_of_the_words_around() -> None:
    one = case("5433", payload="server alpha listens since noon on 5433 behind proxy beta gamma delta")
    assert SCORER.score(one, one.messages, with_output(one, "alpha listens proxy beta 5433")).in_context == 1
    assert SCORER.score(one, one.messages, with_output(one, "5433 5434 5435")).in_context == 0
    far = "alpha listens proxy beta " + "zzz " * 100 + "5433"
    assert SCORER.score(one, one.messages, with_output(one, far)).in_context == 0
    # One that is not in the payload as it is written has no context to lose.
    other = case("54 33", payload="5433")
    assert SCORER.score(other, other.messages, with_output(other, "54 33")).in_context == 1


def test_tokens_are_of_contents_and_calls() -> None:
    one = case(payload="a b c")
    # "Be brief." + the question + (name, and five words of arguments) + the payload
    assert SCORER.tokens(one.messages) == 2 + 4 + 9 + 3
    score = SCORER.score(one, one.messages, with_output(one, "a"))
    assert (score.before, score.after) == (18, 16)


def test_what_is_touched_is_noticed() -> None:
    one = case(payload="a b c")
    fine = SCORER.score(one, one.messages, with_output(one, "a"))
    assert (fine.touched, fine.system, fine.asks) == (False, False, True)
    for at, changed in ((1, {"content": "Which?"}), (2, {"content": "I will."}), (3, {"tool_call_id": "2"})):
        out = list(one.messages)
        out[at] = out[at] | changed
        assert SCORER.score(one, one.messages, out).touched
    assert SCORER.score(one, one.messages, one.messages[:-1]).touched
    system = [one.messages[0] | {"content": "x"}, *one.messages[1:]]
    assert SCORER.score(one, one.messages, system).system


def test_a_hidden_question_stands_nowhere() -> None:
    hidden = case(payload="a").without_question()
    assert QUESTION not in json.dumps(hidden)
    assert hidden[1]["content"] == quality_cases.NO_QUESTION


def test_what_failed_counts_as_it_was() -> None:
    one = case("b", payload="a b c")
    score = SCORER.score(one, one.messages, None, "boom")
    assert (score.before, score.kept, score.error) == (score.after, 1, "boom")
    one.scores[methods.LITELLM] = score
    assert methods.failures([one]) == {methods.LITELLM: {"boom": 1}}


def test_a_conversation_is_billed_by_what_it_shares_with_the_request_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality_cost, "scorer", lambda: SCORER)
    ask, answer, more = (
        {"role": role, "content": text} for role, text in (("user", "a b"), ("assistant", "c"), ("user", "d"))
    )
    kept = quality_cost.bill([[ask], [ask, answer, more]])
    assert kept.cost == pytest.approx(1.25 * 2 + 0.1 * 2 + 1.25 * 2)
    assert (kept.requests, kept.tokens, kept.rewrites) == (2, 6, 0)
    other = quality_cost.bill([[ask], [{"role": "user", "content": "x y"}, answer]])
    assert other.cost == pytest.approx(1.25 * 2 + 1.25 * 3)
    assert other.rewrites == 1


def test_rivals_stay_within_their_budget() -> None:
    lines = [f"line {i} says {'port' if i == 70 else 'nothing'} at all" for i in range(100)]
    one = case(payload="\n".join(lines))

    def count(text: str) -> int:
        return len(text.split())

    cut = rivals.Cut(one.messages, "port", count)
    best, ends = cut.best_lines(60)[-1]["content"], cut.head_and_tail(60)[-1]["content"]
    assert "line 70 " in best
    assert ends.startswith("line 0 ")
    assert ends.endswith(lines[-1])
    for text in (best, ends):
        assert 40 <= SCORER.tokens(with_output(one, text)) <= 60
        assert set(text.splitlines()) <= set(lines)


def test_cases_are_read_from_both_layouts_and_odd_ones_are_named(tmp_path: Path) -> None:
    row = {"id": "1", "kind": "log", "messages": [], "question": None, "gold": ["x"], "gold_mode": "any"}
    (tmp_path / "one.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "cases.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(row))
    assert [c.set for c in quality_cases.read(tmp_path)] == ["one", "two", "two"]
    assert [c.set for c in quality_cases.read(tmp_path, limit=1)] == ["one", "two"]
    for sets, text in ((["three"], "no set three"), (["one"], "one.jsonl:1 is not a case")):
        (tmp_path / "one.jsonl").write_text("{}")
        with pytest.raises(quality_cases.CaseError, match=text):
            list(quality_cases.read(tmp_path, sets))
    with pytest.raises(quality_cases.CaseError, match="no cases in"):
        list(quality_cases.read(tmp_path / "two" / "none"))


def test_the_sample_asks_for_what_its_payloads_have() -> None:
    for one in quality_sample.cases():
        payload = quality_cases.folded(one.messages[-1]["content"])
        for gold in one.gold:
            assert quality_cases.folded(gold) in payload
            assert quality_cases.folded(gold) not in quality_cases.folded(one.question)


PEER = """
import json, sys, time
print(json.dumps({"import_s": 0}), flush=True)
for line in sys.stdin:
    asked = json.loads(line)["messages"][0]["content"]
    if asked == "die":
        sys.exit(3)
    if asked == "hang":
        time.sleep(60)
    out = {"error": "ValueError: no"} if asked == "raise" else {"messages": [{"role": "tool", "content": asked * 2}]}
    print(json.dumps(out), flush=True)
"""


def test_a_peer_may_die_hang_or_raise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = tmp_path / "worker.py"
    worker.write_text(PEER)
    monkeypatch.setattr(peers, "WORKER", worker)
    monkeypatch.setattr(quality_peers, "TIMEOUT_S", 1.0)
    asked = ["a", "raise", "die", "b", "hang", "a"]

    def answers(texts: list[str]) -> tuple[list[Any], int]:
        with quality_peers.CachedPeer(peers.LITELLM, "1", store=tmp_path / "answers.sqlite") as peer:
            out = [peer.compress([{"role": "tool", "content": text}], "gpt-4o") for text in texts]
            return out, peer.computed

    out, computed = answers(asked)
    contents = [messages and messages[0]["content"] for messages, _ in out]
    assert contents == ["aa", None, None, "bb", None, "aa"]
    errors = [error for _, error in out]
    assert errors[1] == "ValueError: no"
    assert "ended with 3" in errors[2]
    assert "longer than 1 s" in errors[4]
    assert computed == 5
    # What it answered or raised is kept; where it ended, it is asked again.
    again, computed = answers(asked)
    assert again == out
    assert computed == 2
    # A process that always ends is given up.
    gone, _ = answers(["die"] * 5)
    assert [error[:9] for _, error in gone] == ["litellm.c"] * 3 + ["not tried"] * 2


def test_the_page_has_the_figures_and_none_of_the_text(tmp_path: Path) -> None:
    sample = [quality_sample.cases()[i] for i in (1, 4, 8)]
    for one in sample:
        one.scores |= methods.ours_and_rivals(one)
    bills = {"set": {"": quality_cost.Bill(4, 100, 200), methods.OURS: quality_cost.Bill(4, 50, 100)}}
    text = quality_page.page(sample, sample, bills, quality.made_with(sample), "quality.svg")
    assert "| set | 4 | 50.0 | 50.0 | 0 |" in text
    whole = quality_page.figures(sample, methods.OURS)
    assert whole is not None
    assert f"**{whole.saved:.1f} %** of the tokens" in text
    assert "Peers were not measured." in text
    assert all(line.count("|") > 3 for line in text.splitlines() if line.startswith("| **all**"))
    assert not any(gold in text for one in sample for gold in one.gold)
    assert "–" in text


def test_plots_are_the_same_bytes_each_time(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from quality_plot import plot

    sample = [quality_sample.cases()[i] for i in (4, 8)]
    for one in sample:
        one.scores |= methods.ours_and_rivals(one)
    for name in ("a.svg", "b.svg"):
        plot(sample, tmp_path / name)
    first = (tmp_path / "a.svg").read_bytes()
    assert first == (tmp_path / "b.svg").read_bytes()
    assert b"prose (1 case)" in first
    assert len(first) < 150_000
