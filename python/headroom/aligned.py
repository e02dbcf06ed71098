"""Lays a compressed text beside the one it was made from: which parts stayed, went, or are written another way.

A text is a row of blocks with text between them that stays. Of a compressed block, everything between its marks stood
in the original between what the marks stand for, so both can be walked together: what is kept and what is left out is
then known to the character (`Part.pieces`). Where that walk fails, the block was re-encoded; its omissions are then
looked up in order, and only those are known. Nothing here judges or guesses: a walk either covers both texts or fails.
Cost: linear in the texts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headroom.compression import Block, Omitted

MARK = re.compile(r"\[… (\d+) ([a-z]+?)s? (\d+)(?:-\d+)?(?:: [^\n]*?)?\](?=\s|$)")
"""A mark as the core writes it (`src/mark.rs`): count, unit, first ordinal."""
HEADER = re.compile(r"\[headroom [a-z]+: \d+ lines?(?:; [^\n]*)?\]\n")
"""What stands before a block whose extent a reader must know."""
LINE_END = re.compile("\n")
SURE_ANCHOR_CHARS = 12
"""Text between two compressed blocks that is shorter may stand inside them as well; they count as one part then."""


@dataclass(frozen=True)
class Piece:
    """A stretch of the original, in characters; the pieces of a part cover it in order.

    Attributes:
        start: first character, in the whole text.
        end: the one after its last.
        mark: the mark that stands in its place; None if it is kept.
    """

    start: int
    end: int
    mark: str | None


@dataclass(frozen=True)
class Part:
    """A stretch of the original and what became of it.

    Attributes:
        start: first character, in the original.
        end: the one after its last.
        blocks: what was seen in it; empty for text between blocks.
        after: what stands there now.
        header: the header before it, with its newline; may be empty.
        pieces: what was kept and what not; None if the part was re-encoded.
        omitted: (first character in the original, or -1 if that is not known; what was left out), in order.
    """

    start: int
    end: int
    blocks: tuple[Block, ...]
    after: str
    header: str
    pieces: tuple[Piece, ...] | None
    omitted: tuple[tuple[int, Omitted], ...]


def align(before: str, after: str, blocks: Sequence[Block], omitted: Sequence[Omitted]) -> tuple[list[Part], int]:
    """The parts of a text, and how many of `omitted` (the message's, from this text on) belong to them."""
    runs = _runs(before, blocks)
    places = _places(before, after, runs)
    if places is None:
        runs = [_Run(0, len(before), True, tuple(blocks))]
        places = [(0, len(after))]
    parts, used = [], 0
    for run, (start, end) in zip(runs, places, strict=True):
        if not run.is_changed:
            kept = Piece(run.start, run.end, None)
            parts.append(Part(run.start, run.end, run.blocks, after[start:end], "", (kept,), ()))
            continue
        part = _changed(before, after[start:end], run, omitted[used:])
        used += len(part.omitted)
        parts.append(part)
    return parts, used


@dataclass
class _Run:
    start: int
    end: int
    is_changed: bool
    blocks: tuple[Block, ...]


def _runs(before: str, blocks: Sequence[Block]) -> list[_Run]:
    """Changed and unchanged stretches, alternating, that cover the text; positions in characters."""
    raw = before.encode()
    out: list[_Run] = []
    byte = char = 0

    def add(end_byte: int, is_changed: bool, seen: tuple[Block, ...]) -> None:
        nonlocal byte, char
        end = char + len(raw[byte:end_byte].decode())
        if out and out[-1].is_changed == is_changed:
            out[-1].end, out[-1].blocks = end, out[-1].blocks + seen
        elif end > char:
            out.append(_Run(char, end, is_changed, seen))
        byte, char = end_byte, end

    for block in blocks:
        if block.start_byte > byte:
            add(block.start_byte, False, ())
        add(block.end_byte, not block.why, (block,))
    add(len(raw), False, ())
    return out


def _places(before: str, after: str, runs: Sequence[_Run]) -> list[tuple[int, int]] | None:
    """Where each stretch stands in the new text; None if that is not certain."""
    out: list[tuple[int, int]] = []
    at = 0
    for i, run in enumerate(runs):
        text = before[run.start : run.end]
        if not run.is_changed:
            if not after.startswith(text, at):
                return None
            end = at + len(text)
        elif all(other.is_changed for other in runs[i + 1 :]):
            end = len(after)
        else:
            anchor = before[runs[i + 1].start : runs[i + 1].end]
            if i + 2 == len(runs):
                end = len(after) - len(anchor)
            elif len(anchor) < SURE_ANCHOR_CHARS:
                return None
            else:
                end = after.find(anchor, at)
            if end < at:
                return None
        out.append((at, end))
        at = end
    return out if at == len(after) else None


def _changed(before: str, after: str, run: _Run, omitted: Sequence[Omitted]) -> Part:
    text = before[run.start : run.end]
    header = match[0] if (match := HEADER.match(after)) else ""
    walked = _walk(text, after[len(header) :], omitted)
    if walked is not None:
        pieces, used = walked
        pieces = [Piece(run.start + p.start, run.start + p.end, p.mark) for p in pieces]
        places = [p.start for p in pieces if p.mark is not None]
        gone = tuple(zip(places, omitted[:used], strict=True))
        return Part(run.start, run.end, run.blocks, after, header, tuple(pieces), gone)
    return Part(run.start, run.end, run.blocks, after, header, None, _looked_up(before, run, omitted))


def _walk(before: str, after: str, omitted: Sequence[Omitted]) -> tuple[list[Piece], int] | None:
    """The pieces of a text whose marks stand in place of what was left out; None if it is not such a one."""
    pieces: list[Piece] = []
    at = read = used = 0

    def keep(end: int) -> bool:
        nonlocal at
        kept = after[read:end]
        if not before.startswith(kept, at):
            return False
        if kept:
            pieces.append(Piece(at, at + len(kept), None))
            at += len(kept)
        return True

    for mark in MARK.finditer(after):
        gone = omitted[used] if used < len(omitted) else None
        if gone is None or (int(mark[1]), mark[2], int(mark[3])) != (gone.count, gone.unit, gone.first):
            return None
        if not keep(mark.start()) or not before.startswith(gone.text, at):
            return None
        read = mark.end()
        # The line end or blank after a run's last unit stands after the mark.
        if gone.unit == "sentence":
            read += len(gone.text) - len(gone.text.rstrip())
        elif gone.text.endswith(("\n", "\r")):
            read += 1
        pieces.append(Piece(at, at + len(gone.text), mark[0]))
        at += len(gone.text)
        used += 1
    return (pieces, used) if keep(len(after)) and at == len(before) else None


def _looked_up(before: str, run: _Run, omitted: Sequence[Omitted]) -> tuple[tuple[int, Omitted], ...]:
    """Where the omissions of a re-encoded part stood, as far as they are its own."""
    out: list[tuple[int, Omitted]] = []
    at = run.start
    lines = [run.start, *(m.end() for m in LINE_END.finditer(before, run.start, run.end))]
    for gone in omitted:
        by_number = lines[gone.first - 1] if gone.unit == "line" and gone.first <= len(lines) else -1
        if by_number >= at and before.startswith(gone.text, by_number):
            place = by_number
        else:
            place = before.find(gone.text, at, run.end)
        if place < 0:
            # A run that wraps units up differently (`code` stands for a whole block) may lie before the last.
            if before.find(gone.text, run.start, run.end) < 0:
                break
            out.append((-1, gone))
            continue
        out.append((place, gone))
        at = place + len(gone.text)
    return tuple(out)
