"""Says what a compression saw, kept and left out, and why, for a person to judge.

First the sum, then each message: one line per block (its lines, kind, tokens before and after, what happened), the
rules that were applied, and the text itself with the line numbers of the original:

     17   kept, as it was                    - 18   left out; the mark that stands there is shown above it
    ± 19   [-partly-] left out               ~      written another way, decodes to the same data

Long runs are folded unless `is_full`. Control characters are shown, not sent to the terminal.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from headroom.aligned import MARK, Part, align

if TYPE_CHECKING:
    from headroom.compression import CompressResult, Decision

FOLDS = {"left out": (4, 2), "kept": (10, 5), "written another way": (10, 5)}
"""Of a long run so many lines are shown, from its start and its end: of what is still there more than of the rest."""

RED, CYAN, YELLOW, DIM, BOLD, RESET = "\033[31m", "\033[36m", "\033[33m", "\033[2m", "\033[1m", "\033[0m"
CODES = re.compile("\033\\[[0-9;]*m")

RULES = {
    "code:blame": "a commit and its author are written once, not on each of its lines",
    "code:licence": "notices of copyright and licence are one mark",
    "code:line-numbers": "line numbers are written on every fifth line only",
    "code:outline": "bodies that the question does not concern are left out, their signatures kept",
    "diff:context": "unchanged lines around changes are cut down",
    "diff:headers": "file headers are shortened, hashes left out",
    "diff:select": "files beside the question, generated and binary ones are one line each",
    "echo": "lines that an earlier tool output still shows are a reference to it",
    "json:bare": "quotes that nobody needs are left out",
    "json:minify": "white space is left out",
    "json:policy": "fields that the policy names, because nobody used them, are left out",
    "json:select": "records the question names are kept whole, and first, last, failed and rare ones",
    "json:table": "records with the same fields are rows under one header",
    "limit": "what does not fit model_limit is squeezed to its beginning and end, or to one mark",
    "log:codes": "terminal colours are left out",
    "log:prefix": "what lines begin with alike is written once",
    "log:select": "kept are errors, failures, distinct traces, the first line of each template, numbers out of line, "
    "what the question names, beginning and end",
    "markup:rows": "elements that are alike are rows under one header",
    "markup:select": "records the question names are kept whole, and first, last and failed ones",
    "markup:text": "tags, scripts and navigation are left out, text and links kept",
    "prose:select": "the sentences that answer the question best are kept, as many as it leaves open",
    "search:group": "a path is written once per file, a text that repeats once",
    "search:list": "a directory is written once",
    "search:select": "lines the question names are kept, of every other file one",
    "search:tree": "a directory is written once",
    "table:classes": "values that repeat are written once",
    "table:select": "rows the question names are kept, and first, last, failed and rare ones",
    "table:shrink": "padding, borders and columns of one value are left out",
}
"""What each transform does, in one line; `docs/levels.md` says it in full."""


def explain(result: CompressResult, color: bool = False, full: bool = False, width: int | None = None) -> str:
    """The whole explanation; see `CompressResult.explain`."""
    text = "\n".join(_Explanation(result, full).lines()) + "\n"
    if width is not None:
        text = "\n".join(_clipped(line, width) for line in text.split("\n"))
    return text if color else CODES.sub("", text)


class _Explanation:
    def __init__(self, result: CompressResult, is_full: bool) -> None:
        self._result = result
        self._is_full = is_full

    def lines(self) -> Iterator[str]:
        result = self._result
        about = "" if result.tokens_exact else "about "
        yield (
            f"{BOLD}{about}{result.tokens_before:,} → {result.tokens_after:,} tokens, "
            f"{100 * result.compression_ratio:.1f} % saved{RESET}, counted with {result.tokenizer}"
        )
        if result.rewrites:
            yield f"{YELLOW}older turns were squeezed {_count(result.rewrites, 'time')} to fit model_limit{RESET}"
        if result.over_limit:
            yield f"{RED}{result.over_limit:,} tokens more than model_limit allows{RESET}"
        if any(d.action == "compressed" for d in result.decisions):
            yield f"{DIM}in the texts:{RESET} kept   {RED}- left out{RESET}   {CYAN}~ written another way{RESET}"
        yield ""
        gone: dict[int, list[Any]] = {}
        for omitted in result.omitted:
            gone.setdefault(omitted.message, []).append(omitted)
        for decision in result.decisions:
            yield from self._message(decision, gone.get(decision.message, []))

    def _message(self, decision: Decision, omitted: list[Any]) -> Iterator[str]:
        original = self._result.original[decision.message]
        role = (original.get("role") or original.get("type")) if isinstance(original, dict) else type(original).__name__
        head = f"{BOLD}message {decision.message}, {role}{RESET}: "
        is_compressed = decision.action == "compressed"
        if not is_compressed:
            yield f"{head}{decision.tokens_before:,} tokens, kept: {decision.reason}"
            if len(decision.blocks) < 2:
                return
        else:
            yield f"{head}{decision.tokens_before:,} → {decision.tokens_after:,} tokens"
        used, rules = 0, decision.transforms
        for path in dict.fromkeys(b.path for b in decision.blocks):
            before = _at(original, path)
            after = _at(self._result.messages[decision.message], path)
            blocks = [b for b in decision.blocks if b.path == path]
            parts, count = align(before, after, blocks, omitted[used:])
            used += count
            text = _Text(before, parts, self._is_full)
            yield from text.summary()
            if is_compressed and before != after:
                for transform in rules:
                    yield f"  {DIM}{transform}: {RULES.get(transform, 'see docs/levels.md')}{RESET}"
                rules = ()
                yield ""
                yield from text.lines()
                yield ""


class _Text:
    """One text of a message, laid beside what became of it."""

    def __init__(self, before: str, parts: list[Part], is_full: bool) -> None:
        self._before = before
        self._parts = parts
        self._is_full = is_full
        self._starts = [0, *(m.end() for m in re.finditer("\n", before))]
        self._gutter = len(str(len(self._starts)))

    def summary(self) -> Iterator[str]:
        """One line per block."""
        rows, raw = [], self._before.encode()
        byte = char = 0
        for part in self._parts:
            for block in part.blocks:
                start = char + len(raw[byte : block.start_byte].decode())
                end = start + len(raw[block.start_byte : block.end_byte].decode())
                byte, char = block.end_byte, end
                place = _range(self._line(start), self._line(max(start, end - 1)))
                tokens = f"{block.tokens_before:,} → {block.tokens_after:,}" if not block.why else ""
                what = self._outcome(part) if not block.why else f"stays: {block.why}"
                rows.append((place, block.kind or "text", tokens, what))
        widths = [max(len(row[i]) for row in rows) for i in range(3)] if rows else []
        for place, kind, tokens, what in rows:
            cells = f"{place:{widths[0]}}  {BOLD}{kind:{widths[1]}}{RESET}  {tokens:>{widths[2]}}  ".rstrip()
            yield f"  {cells}  {what}"

    def _outcome(self, part: Part) -> str:
        places = f" in {_count(len(part.omitted), 'place')}" if len(part.omitted) > 1 else ""
        units: dict[str, int] = {}
        for _, gone in part.omitted:
            units[gone.unit] = units.get(gone.unit, 0) + gone.count
        left = " and ".join(_count(n, "colour code" if unit == "code" else unit) for unit, n in units.items())
        if part.pieces is None:
            written = part.after.count("\n") + (not part.after.endswith("\n")) - bool(part.header)
            return f"written another way, as {_count(written, 'line')}" + (f"; {left} left out{places}" if left else "")
        whole = self._line(max(part.start, part.end - 1)) - self._line(part.start) + 1
        if list(units) == ["line"]:
            if units["line"] == whole:
                return f"all {_count(whole, 'line')} left out"
            left = f"{units['line']:,} of {_count(whole, 'line')}"
        return f"{left or 'nothing'} left out{places}, the rest as it was"

    def lines(self) -> Iterator[str]:
        """The text itself."""
        for part in self._parts:
            if part.pieces is None:
                yield from self._written(part)
            else:
                if part.header:
                    yield self._row("~", None, f"{CYAN}{_shown(part.header.rstrip())}{RESET}")
                yield from self._walked(part)

    def _walked(self, part: Part) -> Iterator[str]:
        """Lines of the original with their numbers; runs of kept lines and of lines left out are folded."""
        kept: list[str] = []
        line = self._line(part.start)
        at, number = part.start, 0
        pieces = part.pieces or ()
        while at < part.end:
            end = self._starts[line] if line < len(self._starts) else part.end
            end = min(end, part.end)
            while pieces[number].end <= at:
                number += 1
            piece = pieces[number]
            if piece.mark is not None and piece.start <= at and piece.end >= end:
                # Whole lines are left out.
                yield from self._folded(kept, "kept")
                kept = []
                if piece.start == at or self._line(piece.start) == line:
                    yield self._row("", None, f"{DIM}{_shown(piece.mark)}{RESET}")
                last = self._line(piece.end - 1)
                if piece.end < part.end and self._before[piece.end - 1] != "\n":
                    last -= 1
                yield from self._folded(self._gone(range(line, last + 1)), "left out", RED)
                at, line = (self._starts[last] if last < len(self._starts) else part.end), last + 1
                continue
            mixed = []
            is_whole = True
            while number < len(pieces) and pieces[number].start < end:
                piece = pieces[number]
                text = _shown(self._before[max(at, piece.start) : min(end, piece.end)].rstrip("\n"))
                if piece.mark is None:
                    mixed.append(text)
                elif text:
                    is_whole = False
                    mixed.append(f"{RED}[-{text}-]{RESET}")
                if piece.end > end:
                    break
                number += 1
            number = min(number, len(pieces) - 1)
            kept.append(self._row("" if is_whole else "±", line, "".join(mixed)))
            at, line = end, line + 1
        yield from self._folded(kept, "kept")

    def _written(self, part: Part) -> Iterator[str]:
        """What stands there now; below each mark, what it stands for."""
        # Not every omission has a mark (a diff's hashes go without), so marks find theirs by what they count.
        left: dict[tuple[int, str, int], deque[int]] = {}
        for number, (_, gone) in enumerate(part.omitted):
            left.setdefault((gone.count, gone.unit, gone.first), deque()).append(number)
        written: list[str] = []
        for line in part.after.rstrip("\n").split("\n"):
            at = 0
            for mark in MARK.finditer(line):
                written += self._shown_between(line, at, mark.start())
                at = mark.end()
                yield from self._folded(written, "written another way", CYAN)
                written = []
                yield self._row("~", None, f"{DIM}{_shown(mark[0])}{RESET}")
                if found := left.get((int(mark[1]), mark[2], int(mark[3]))):
                    place, gone = part.omitted[found.popleft()]
                    if gone.unit != "code":
                        yield from self._run(place, gone.text)
            written += self._shown_between(line, at, len(line)) if at or line else [self._row("~", None, "")]
        yield from self._folded(written, "written another way", CYAN)
        unmarked = sorted(number for numbers in left.values() for number in numbers)
        rest = [part.omitted[number] for number in unmarked if part.omitted[number][1].unit != "code"]
        if rest:
            yield self._row("", None, f"{DIM}left out without a mark of its own:{RESET}")
        rows = [row for place, gone in rest for row in self._run(place, gone.text, False)]
        yield from self._folded(rows, "left out", RED)

    def _shown_between(self, line: str, start: int, end: int) -> list[str]:
        """The row of a part of a re-encoded line, if there is anything to see."""
        text = line[start:end] if start == 0 else line[start:end].strip()
        return [self._row("~", None, f"{CYAN}{_shown(text)}{RESET}")] if text else []

    def _run(self, place: int, text: str, may_fold: bool = True) -> Iterator[str]:
        """What was left out of a re-encoded part."""
        first = self._line(place) if place >= 0 else None
        rows = []
        for i, line in enumerate(text.rstrip("\n").split("\n")):
            rows.append(self._row("-", None if first is None else first + i, f"{RED}{_shown(line)}{RESET}"))
        yield from self._folded(rows, "left out", RED) if may_fold else rows

    def _gone(self, numbers: Iterable[int]) -> list[str]:
        rows = []
        for number in numbers:
            end = self._starts[number] if number < len(self._starts) else len(self._before)
            text = self._before[self._starts[number - 1] : end].rstrip("\n")
            rows.append(self._row("-", number, f"{RED}{_shown(text)}{RESET}"))
        return rows

    def _folded(self, rows: list[str], what: str, tint: str = "") -> Iterator[str]:
        head, tail = FOLDS[what]
        hidden = len(rows) - head - tail
        if self._is_full or hidden < 2:
            yield from rows
            return
        sign = {"left out": "-", "written another way": "~"}.get(what, "")
        yield from rows[:head]
        yield self._row(sign, None, f"{tint}{DIM}… {hidden:,} more lines {what}{RESET}")
        yield from rows[-tail:]

    def _row(self, sign: str, number: int | None, text: str) -> str:
        tint = {"-": RED, "~": CYAN, "±": RED}.get(sign, "")
        place = "" if number is None else str(number)
        return f"  {tint}{sign or ' '}{RESET} {DIM}{place:>{self._gutter}}{RESET}  {text}"

    def _line(self, at: int) -> int:
        """1-based number of the line that a character stands in."""
        return bisect_right(self._starts, at)


def _at(message: Any, path: tuple[str | int, ...]) -> str:
    for step in path:
        message = message[step]
    return str(message)


def _range(first: int, last: int) -> str:
    return f"line {first}" if first == last else f"lines {first}-{last}"


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


CONTROLS = {i: chr(0x2400 + i) for i in range(32) if chr(i) not in "\t\n"} | {0x7F: "␡"}
"""Control characters as pictures: what a text does to a terminal is not for us to repeat."""


def _shown(text: str) -> str:
    return text.translate(CONTROLS)


def _clipped(line: str, width: int) -> str:
    """At most `width` characters of a line, colour codes aside; says how many are not shown."""
    plain = CODES.sub("", line)
    if len(plain) <= width:
        return line
    note = f" … {len(plain) - width + 14:,} more"
    room, out = max(1, width - len(note)), []
    for part in re.split("(\033\\[[0-9;]*m)", line):
        if part.startswith("\033"):
            out.append(part)
        elif room > 0:
            out.append(part[:room])
            room -= len(part[:room])
    return "".join(out) + f"{DIM}{note}{RESET}"
