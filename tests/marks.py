"""Puts what was left out back in place of its marks: the strongest check of promises 1 and 2."""

from __future__ import annotations

import html
import re

from headroom import Omitted, expand

UNITS = "line|sentence|passage|record|hunk|code|value"
MARK = re.compile(rf"\[… (\d+) ({UNITS})s? (\d+)(?:-(\d+))?(?:: [^\n]*?)?\](?=\n|\s|$)")
CODES = re.compile(r"\x1b(?:\[[ -?]*[@-~]|\][^\x00-\x1f]*(?:\x07|\x1b\\)|[()][0-9A-Za-z]|[=>78Mc])")


class NotRestorable(AssertionError):
    """A mark and what was omitted do not agree."""


def restore(text: str, omitted: list[Omitted]) -> str:
    """The text before compression, from the compressed one and what was omitted.

    Re-encoded blocks are decoded first; every mark must agree with the next omission about unit,
    first ordinal and count, and every omission must have a mark.
    """
    text = expand(text)
    out: list[str] = []
    at = 0
    coloured: list[str] = []
    for gone in omitted:
        mark = MARK.search(text, at)
        if mark is None:
            raise NotRestorable(f"no mark for {gone}")
        count, unit, first = int(mark[1]), mark[2], int(mark[3])
        if (count, unit, first) != (gone.count, gone.unit, gone.first):
            raise NotRestorable(f"mark {mark[0]!r} but {gone.count} {gone.unit} from {gone.first} omitted")
        if int(mark[4] or mark[3]) - first + 1 != count:
            raise NotRestorable(f"mark {mark[0]!r} counts wrongly")
        if unit == "code":
            # Terminal codes are taken out of a whole block, whose original is what was omitted.
            coloured.append(gone.text)
            out.append(text[at : mark.start()])
            at = mark.end() + 1
            continue
        if unit == "line" and len(gone.text.splitlines()) != count and gone.text.count("\n") != count:
            raise NotRestorable(f"{count} lines said, {gone.text.count(chr(10))} gone")
        out += [text[at : mark.start()], gone.text]
        at = mark.end()
        if unit == "sentence":
            at += len(gone.text) - len(gone.text.rstrip())
        elif gone.text.endswith(("\n", "\r")):
            at += 1
    left = MARK.search(text, at)
    if left:
        raise NotRestorable(f"mark {left[0]!r} without an omission")
    whole = "".join(out) + text[at:]
    for block in coloured:
        plain = CODES.sub("", whole)
        start = plain.find(CODES.sub("", block))
        if start < 0:
            raise NotRestorable("more than its codes is missing from a block")
        whole = plain[:start] + block + plain[start + len(CODES.sub("", block)) :]
    return whole


def restore_page(text: str, omitted: list[Omitted], original: str) -> None:
    """The same for a page of HTML shown as text: the mark stands for all of it, and each word shown is of it."""
    (gone,) = omitted
    mark, _, shown = text.partition("\n")
    lines = len(original.splitlines())
    if mark != f"[… {lines} lines 1-{lines}: HTML, shown as text]" or gone.text != original:
        raise NotRestorable(f"{mark!r} does not stand for the whole page")
    title, _, body = shown.partition("\n")
    source = html.unescape(original)
    words = re.findall(r"\w+", title.removeprefix("Title: ") + "\n" + body)
    strange = [word for word in words if word not in source]
    if strange:
        raise NotRestorable(f"words that the page does not have: {strange[:5]}")


def restore_diff(text: str, omitted: list[Omitted], original: str) -> None:
    """The same for a diff, whose context and blob hashes go without marks (the header says so).

    Collapsed files and statistics have marks and come back in place; with the lines that went
    without one, the text has the lines of the original, places of hunks aside.
    """
    marked = [(m[2], int(m[3])) for m in MARK.finditer(expand(text))]
    silent = [gone for gone in omitted if (gone.unit, gone.first) not in marked]
    whole = restore(text, [gone for gone in omitted if gone not in silent])
    if silent and not ("; context cut" in text or "; hashes left out" in text):
        raise NotRestorable("lines are gone without a word")
    lines = whole.splitlines() + [line for gone in silent for line in gone.text.splitlines()]
    if not all(gone.unit == "line" and gone.text in original for gone in silent):
        raise NotRestorable("omitted text is not of the original")
    places = re.compile(r"@@ -\d+(,\d+)? \+\d+(,\d+)? @@.*")
    before, after = (sorted(x for x in y if not places.fullmatch(x)) for y in (original.splitlines(), lines))
    if before != after:
        raise NotRestorable(f"lines differ: {set(before) ^ set(after)}")
