"""Inputs that make careless compressors quadratic, or worse. Each is a function of the size in bytes."""

from __future__ import annotations

import random
from collections.abc import Callable


def one_line(size: int) -> str:
    """One line without a line end, of different words."""
    return " ".join(f"word{i}" for i in range(size // 11 + 1))[:size]


def empty_lines(size: int) -> str:
    """A million empty lines at 1 MB."""
    return "\n" * size


def deep_nesting(size: int) -> str:
    """JSON arrays in arrays, half of the size open and half close."""
    return "[" * (size // 2) + "]" * (size // 2)


def deep_objects(size: int) -> str:
    """JSON objects in objects, each with a member beside the next one."""
    depth = size // 18
    return '{"id": 1, "in": ' * depth + "null" + "}" * depth


def one_token(size: int) -> str:
    """One word again and again."""
    return ("the " * (size // 4 + 1))[:size]


def one_letter(size: int) -> str:
    """One letter again and again, no space: one piece for a tokenizer."""
    return "a" * size


def distinct_words(size: int) -> str:
    """Words that never come twice, ten to a line."""
    draw = random.Random(7)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(draw.choices(letters, k=9)) for _ in range(size // 10 + 1)]
    return "\n".join(" ".join(words[i : i + 10]) for i in range(0, len(words), 10))[:size]


def near_duplicates(size: int) -> str:
    """Log lines of one shape that differ in one word and one number."""
    draw = random.Random(8)
    lines = (
        f"2026-11-23 10:00:00 INFO worker finished job {draw.getrandbits(32):08x} of queue mail in {i} ms"
        for i in range(size // 80 + 1)
    )
    return "\n".join(lines)[:size]


def near_duplicate_records(size: int) -> str:
    """A JSON array of records whose keys hardly ever agree."""
    draw = random.Random(9)
    records = (
        f'{{"id":{i},"k{draw.randrange(10**6)}":"v","k{draw.randrange(10**6)}":{i % 7}}}' for i in range(size // 38 + 1)
    )
    return "[" + ",\n".join(records) + "]"


def regex_traps(size: int) -> str:
    """What makes backtracking matchers slow: long runs that nearly match, blanks, open quotes."""
    unit = (
        "a" * 400 + "!\n" + " " * 400 + "x\n" + "1." * 200 + "\n" + '"' + "\\" * 401 + "\n"
        + "/".join("p" * 3 for _ in range(100)) + "\n" + "<" * 300 + "\n" + "at " * 100 + "(:::\n"
        + "@@ -1,1 +1,1 " * 20 + "\n" + "{[(" * 100 + "\n" + "2026-" * 80 + "\n"
    )  # fmt: skip
    return (unit * (size // len(unit) + 1))[:size]


def spaces(size: int) -> str:
    """White space only, without a line end: the regex of tiktoken-rs gives up on it."""
    return " " * size


HOSTILE: dict[str, Callable[[int], str]] = {
    f.__name__: f
    for f in (
        one_line,
        empty_lines,
        deep_nesting,
        deep_objects,
        one_token,
        one_letter,
        distinct_words,
        near_duplicates,
        near_duplicate_records,
        regex_traps,
        spaces,
    )
}
