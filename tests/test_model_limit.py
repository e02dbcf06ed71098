"""Long conversations and the model's window."""

from __future__ import annotations

import conversations as c
from headroom import _core, compress, count_tokens


def long_conversation(turns: int) -> list[dict[str, object]]:
    """Every output differs and has nothing in it that could be left out."""
    word = c.REAL["aho-corasick-design.md"].split()
    outputs = [" ".join(f"{w}{i}" for w in word[i * 60 : i * 60 + 600]) for i in range(turns)]
    return c.chat(
        [("" if i else "Go through the files.", f'{{"cmd": "step {i}"}}', out) for i, out in enumerate(outputs)]
    )


def test_a_conversation_that_fits_is_not_squeezed() -> None:
    messages = long_conversation(6)
    result = compress(messages, model_limit=200_000)
    assert (result.over_limit, result.rewrites) == (0, 0)


def test_older_turns_are_squeezed_and_the_newest_output_stays() -> None:
    messages = long_conversation(20)
    before = compress(messages).tokens_before
    limit = before // 2
    result = compress(messages, model_limit=limit)
    assert result.tokens_after <= limit
    assert result.over_limit == 0
    assert result.messages[-1] is messages[-1]
    assert result.messages[1] is messages[1]
    total = sum(len(o.text) for o in result.omitted)
    assert total > 0
    for i, message in enumerate(result.messages):
        if message is not messages[i]:
            assert "".join(o.text for o in result.omitted if o.message == i) in messages[i]["content"]


def test_history_is_rewritten_at_most_once_per_quarter_of_the_limit() -> None:
    messages = long_conversation(40)
    limit = compress(messages).tokens_before // 4
    cuts = [i for i, m in enumerate(messages) if c.is_models(m)] + [len(messages)]
    previous: list[object] = []
    rewrites = 0
    sizes = []
    for cut in cuts:
        _core.clear_memo()
        result = compress(messages[:cut], model_limit=limit)
        assert result.tokens_after - result.over_limit <= limit
        now = result.messages
        if now[: len(previous)] != previous:
            rewrites += 1
            sizes.append(cut)
        assert result.rewrites == rewrites
        previous = now
    grown = compress(messages).tokens_before
    assert 1 <= rewrites <= grown // (limit // 4)


def test_what_cannot_fit_is_said() -> None:
    messages = [{"role": "user", "content": "Please do as I say. " * 3000}]
    result = compress(messages, model_limit=1000)
    assert result.messages == messages
    assert result.over_limit == count_tokens(str(messages[0]["content"])) - 1000


def test_forms_are_replayed_in_any_order() -> None:
    messages = long_conversation(30)
    limit = compress(messages).tokens_before // 3
    whole = compress(messages, model_limit=limit).messages
    _core.clear_memo()
    compress(messages[:20], model_limit=limit)
    assert compress(messages, model_limit=limit).messages == whole
    again = compress(whole, model_limit=limit)
    assert again.messages == whole


def test_an_output_larger_than_the_window_keeps_its_ends() -> None:
    lines = [f"{w} {i}" for i, w in enumerate(c.REAL["aho-corasick-design.md"].split())]
    messages = c.chat([("Go on.", "{}", "\n".join(lines))])
    result = compress(messages, model_limit=3000)
    assert (result.over_limit, result.rewrites) == (0, 0)
    new = result.messages[-1]["content"].splitlines()
    assert new[0] == lines[0]
    assert new[-1] == lines[-1]
    assert any("left out to fit" in line for line in new)
