"""`result.explain()` and `headroom explain`: what is shown is what happened."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import conversations as c
import headroom
import pytest
from headroom.aligned import Part, align
from headroom.explain import CONTROLS, RULES
from hypothesis import given
from hypothesis import strategies as st

LOG = "".join((c.INPUTS / "postgresql.log").read_text("utf-8").splitlines(keepends=True)[479:590])
QUESTION = "which role was refused?"
ROW = re.compile(r"^  ([ ~±-]) +(\d+)  (.*)$", re.MULTILINE)
COLOUR = re.compile("\033\\[[0-9;]*m")


def tool_output(text: str, **options: Any) -> headroom.CompressResult:
    return headroom.compress([{"role": "tool", "content": text}], **options)


def parts_of(result: headroom.CompressResult, message: int = 0) -> list[Part]:
    """The parts of a message whose content is a string; every omission must have found its part."""
    omitted = [o for o in result.omitted if o.message == message]
    before, after = (m[message]["content"] for m in (result.original, result.messages))
    parts, used = align(before, after, result.decisions[message].blocks, omitted)
    assert used == len(omitted)
    return parts


def check(result: headroom.CompressResult) -> None:
    """The parts cover both texts; what is said to be kept or left out is."""
    before, after = result.original[0]["content"], result.messages[0]["content"]
    parts = parts_of(result)
    assert "".join(before[p.start : p.end] for p in parts) == before
    assert "".join(p.after for p in parts) == after
    for part in parts:
        if part.pieces is None:
            continue
        assert "".join(before[p.start : p.end] for p in part.pieces) == before[part.start : part.end]
        for piece, (_, gone) in zip((p for p in part.pieces if p.mark is not None), part.omitted, strict=True):
            assert before[piece.start : piece.end] == gone.text
            assert piece.mark is not None
            assert piece.mark in part.after
    # Shown in full, each line of the original that was walked over stands there once, with its number.
    lines = before.split("\n")
    shown: dict[int, str] = {}
    for sign, number, text in ROW.findall(result.explain(full=True)):
        if sign == "±" or any(p.pieces is None for p in parts):
            continue
        assert int(number) not in shown
        shown[int(number)] = sign
        assert lines[int(number) - 1].translate(CONTROLS) == text
    if after != before and all(p.pieces is not None for p in parts):
        gone_lines = sum(o.count for o in result.omitted if o.unit == "line")
        if all(o.unit == "line" for o in result.omitted):
            assert sum(sign == "-" for sign in shown.values()) == gone_lines


@pytest.mark.parametrize("name", c.REAL)
@pytest.mark.parametrize("level", ["lossless", "balanced", "aggressive"])
@pytest.mark.parametrize("query", [None, "Why did it fail? Where is `FinderBuilder`?"])
def test_real_inputs_are_laid_beside_what_became_of_them(name: str, level: Any, query: str | None) -> None:
    check(tool_output(c.REAL[name], level=level, query=query))


@given(st.data())
def test_generated_texts_are_laid_beside_what_became_of_them(data: st.DataObject) -> None:
    text = data.draw(st.one_of(c.log_text(), c.json_text()))
    check(tool_output(text, query=data.draw(st.sampled_from([None, "why did worker 7 fail?"]))))


def test_a_log_is_shown_line_by_line() -> None:
    result = tool_output(LOG, query=QUESTION)
    shown = result.explain(full=True)
    rows = {int(number): (sign, text) for sign, number, text in ROW.findall(shown)}
    assert sorted(rows) == list(range(1, 112))
    assert all(text == LOG.split("\n")[number - 1] for number, (_, text) in rows.items())
    kept = [text for sign, text in rows.values() if sign == " "]
    assert kept == [line for line in result.messages[0]["content"].splitlines() if not line.startswith("[…")]
    assert sum(sign == "-" for sign, _ in rows.values()) == sum(o.count for o in result.omitted)
    assert f"{result.tokens_before:,} → {result.tokens_after:,} tokens" in shown.splitlines()[0]
    assert re.search(r"lines 1-111 +log .* of 111 lines left out in \d+ places", shown)
    assert RULES["log:select"] in shown


def test_long_runs_are_folded_unless_full() -> None:
    result = tool_output((c.INPUTS / "postgresql.log").read_text("utf-8"), query=QUESTION)
    folded, full = result.explain(), result.explain(full=True)
    assert re.search(r"… \d+ more lines left out", folded)
    assert "more lines" not in full
    assert len(folded) < len(full) / 2


def test_sentences_are_shown_within_their_lines() -> None:
    prose = "".join(c.REAL["aho-corasick-design.md"].splitlines(keepends=True)[337:])
    result = tool_output(prose, query="Why can overlapping searches not be used with leftmost match semantics?")
    partly = [text for sign, _, text in ROW.findall(result.explain(full=True)) if sign == "±"]
    assert partly
    for text in partly:
        assert re.sub(r"\[-(.*?)-\]", r"\1", text) in prose.split("\n")


def test_marks_of_a_re_encoded_block_stand_above_what_they_stand_for() -> None:
    diff = c.REAL["commit.diff"]
    result = tool_output(diff, query="What has changed in src/tokens/merge.rs?")
    shown = result.explain(full=True).splitlines()
    marks = [i for i, line in enumerate(shown) if re.match(r"  ~ +\[… \d+ hunk", line)]
    assert len(marks) > 3
    for i in marks:
        sign, number, text = ROW.findall(shown[i + 1])[0]
        assert sign == "-"
        assert text.startswith("@@")
        assert diff.split("\n")[int(number) - 1] == text
    silent = shown[next(i for i, line in enumerate(shown) if "without a mark" in line) + 1 :]
    assert "index 240b1cf..5f2ded8 100644" in "\n".join(silent)


def test_each_block_of_a_message_has_its_line() -> None:
    table = json.dumps([{"id": i, "state": "running", "owner": f"user-{i % 7}"} for i in range(60)], indent=1)
    text = f"Why were connections refused?\n\n{LOG}\nAnd this is what the API says:\n\n{table}\n"
    result = headroom.compress([{"role": "user", "content": text}])
    shown = result.explain()
    check(result)
    first = len(text[: text.index(table)].splitlines()) + 1
    assert re.search(r"lines 1-2 +text +stays: instruction", shown)
    assert re.search(r"lines 3-113 +log +[\d,]+ → [\d,]+  \d+ of 111 lines left out", shown)
    assert re.search(rf"lines {first}-\d+ +json +[\d,]+ → [\d,]+  written another way, as \d+ lines", shown)
    assert re.search(r"^  ~ +\[headroom json: ", shown, re.MULTILINE)


def test_messages_that_stay_are_one_line_each() -> None:
    result = headroom.compress(c.chat([(QUESTION, "{}", LOG)]))
    lines = result.explain().splitlines()
    assert [line for line in lines if line.startswith("message 0, system: ")]
    assert [line for line in lines if re.match(r"message 2, assistant: \d+ tokens, kept: the model's own words", line)]


@pytest.mark.parametrize("dialect", c.DIALECTS)
def test_every_dialect(dialect: str) -> None:
    result = headroom.compress(c.DIALECTS[dialect]([(QUESTION, "{}", LOG), ("", "{}", LOG)]))
    shown = result.explain(full=True)
    assert 'role "nobody_here" does not exist' in shown
    assert "same as tool output 1" in shown
    assert "all 111 lines left out" in shown


def test_what_is_odd_is_explained_too() -> None:
    squeezed = headroom.compress(c.chat([("", "{}", LOG), (QUESTION, "{}", LOG * 3)]), model_limit=3000)
    assert "model_limit" in squeezed.explain() or squeezed.rewrites == squeezed.over_limit == 0
    for result in (
        headroom.compress([]),
        headroom.compress([7, {"role": "user", "content": 3}, {"role": "tool", "content": LOG + "\ud800"}]),
        tool_output(LOG, retrieval=True, query=QUESTION),
        tool_output("\x1b[31m" + LOG.replace("\n", "\x1b[0m\r\n\x1b[31m"), query=QUESTION),
        squeezed,
    ):
        for full in (False, True):
            assert "\x1b" not in result.explain(full=full)
            assert "\r" not in result.explain(full=full)


def test_lines_are_cut_to_a_width_and_say_so() -> None:
    shown = tool_output(LOG, query=QUESTION).explain(color=True, width=100)
    plain = COLOUR.sub("", shown).split("\n")
    assert max(map(len, plain)) <= 100
    assert any(re.search(r" … \d+ more$", line) for line in plain)


def test_every_transform_has_its_rule() -> None:
    core = Path(__file__).parent.parent / "src"
    source = "".join(p.read_text("utf-8") for p in core.rglob("*.rs"))
    kinds = "|".join(re.findall(r"&(\w+)::\w+,", (core / "kinds" / "mod.rs").read_text("utf-8")))
    known = set(re.findall(rf'"((?:{kinds}):[a-z][a-z-]*)"', source)) | {"echo", "limit"}
    assert len(known) > 15
    assert known - {"log:critical"} <= RULES.keys()


# --- the command ------------------------------------------------------------------------------


def run(*arguments: str, stdin: str = "", **env: str) -> str:
    command = [sys.executable, "-m", "headroom", "explain", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=True, env=os.environ | env)
    assert done.stderr == ""
    return done.stdout


def on_a_terminal(*arguments: str, **env: str) -> str:
    """What the command writes to a terminal of 80 columns."""
    main, other = pty.openpty()
    size = {"COLUMNS": "80", "TERM": "xterm", "PATH": os.environ["PATH"]}
    size |= {k: v for k, v in os.environ.items() if k.startswith(("PYTHON", "VIRTUAL"))} | env
    process = subprocess.Popen([sys.executable, "-m", "headroom", *arguments], stdout=other, stderr=other, env=size)
    os.close(other)
    out = b""
    while True:
        try:
            chunk = os.read(main, 65536)
        except OSError:
            break
        if not chunk:
            break
        out += chunk
    os.close(main)
    assert process.wait() == 0
    return out.decode()


def test_the_command_explains_text_and_requests() -> None:
    assert run("-q", QUESTION, stdin=LOG) == tool_output(LOG, query=QUESTION).explain()
    messages = c.chat([(QUESTION, "{}", LOG)])
    assert run(stdin=json.dumps(messages)) == headroom.compress(messages).explain()
    request = {"model": "claude-sonnet-4-5", "system": "Be brief.", "messages": messages[1:]}
    shown = run(stdin=json.dumps(request))
    assert "message 0, system: " in shown
    assert "about " in shown.splitlines()[0]
    single = {"model": "gpt-4o", "input": f"{QUESTION}\n\n{LOG}"}
    assert "message 0, user: " in run(stdin=json.dumps(single))


def test_records_with_a_role_are_no_messages() -> None:
    people = [{"role": "user", "name": f"n{i}", "mail": f"n{i}@example.org", "active": True} for i in range(50)]
    assert "message 0, tool: " in run(stdin=json.dumps(people))


def test_colour_on_a_terminal_only_and_never_with_no_color(tmp_path: Path) -> None:
    file = tmp_path / "server.log"
    file.write_text(LOG)
    explain = ("explain", str(file), "-q", QUESTION)
    assert not COLOUR.search(run(*explain[1:]))
    assert COLOUR.search(run(*explain[1:], "--color", "always"))
    coloured = on_a_terminal(*explain)
    assert COLOUR.search(coloured)
    assert max(len(line) for line in COLOUR.sub("", coloured).replace("\r", "").split("\n")) <= 80
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        plain = on_a_terminal(*explain, **env)
        assert not COLOUR.search(plain)
        assert plain.replace("\r", "") == COLOUR.sub("", coloured).replace("\r", "")


def test_it_works_without_any_other_package() -> None:
    code = (
        "import sys; sys.modules['rich'] = None; from headroom.cli import main; "
        f"sys.exit(main(['explain', {str(c.INPUTS / 'grep.txt')!r}, '--color', 'always']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "search:group" in done.stdout
