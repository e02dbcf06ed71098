"""Was a value said again? Exact, in other spelling, or as another way to write the same number, day or time.

Found too often rather than too rarely: a value that is taken for used keeps its field. Values that match by chance
(a word like `true`, a number of fewer than three digits, a text of fewer than three characters) say nothing either way.

| value | also found as |
|---|---|
| `basic_economy` | Basic economy, "basic-economy" |
| 1234.5, "1,234.50" | 1234.50, $1,234.50, 1.234,50, 1 234.50, 1.23k, 1,235 |
| 0.123 | 12.3 % |
| 123450 (cents) | 1234.50 |
| 2024-05-20T18:05:00Z | May 20, 20th of May, 5/20, 20.5., 6:05 pm, 18:05 |
| a text of several words | three of its words in a row, or half of its longer words |
"""

from __future__ import annotations

import datetime
import re
from bisect import bisect_left
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache

MIN_CHARS = 3
MIN_DIGITS = 3
COMMON = frozenset(("true", "false", "null", "none", "yes", "no", "n/a", "na", "unknown", "undefined", "nan", "other"))
MAX_WORDS = 300
"""Of one value; of longer texts the beginning is looked for."""
MAX_CHARS = 4_000
MAX_NUMBER_CHARS = 30
PHRASE_WORD, LONG_WORD = 4, 5
"""Letters of the words that make a phrase, of which a text has two; and of those that alone say something."""

_DIGIT = re.compile(r"\d")
_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"(?<![\w.,])\d+(?:[.,'\u00a0\u202f ]\d{3})*(?:[.,]\d+)?")
_JSON_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?\Z")
_PLAIN_NUMBER = re.compile(r"\d+(?:\.\d+)?\Z")
_AMOUNT = re.compile(r"[^\w+-]{0,3}\s?[-+]?\d[\d.,' ]*(?:\s?(?:%|[^\w\s]|[A-Za-z]{1,3}))?\Z")
_SCALED = re.compile(r"(?<![\w.])(\d+(?:\.(\d+))?)\s?(k|thousand|m|mn|mio|million|b|bn|billion|g|t)\b")
_FACTORS = {"k": 1e3, "t": 1e3, "m": 1e6, "b": 1e9, "g": 1e9}
_CLOCK = re.compile(r"(?<![\d:])(\d{1,2})(?:(?::(\d\d))?(?::\d\d)?\s?([ap])\.?m\b|:(\d\d))")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = "(" + "|".join(_MONTHS) + r")[a-z]*\.?"
_DAYS = (
    (re.compile(r"\b\d{4}-(\d\d)-(\d\d)"), "month first"),
    (re.compile(r"\b" + _MONTH + r"\s+(\d{1,2})(?!\d)"), "month first"),
    (re.compile(r"\b(\d{1,2})(?:st|nd|rd|th)?\.?\s+(?:of\s+)?" + _MONTH), "day first"),
    (re.compile(r"\b(\d{1,2})/(\d{1,2})(?!\d)"), "either"),
    (re.compile(r"\b(\d{1,2})\.(\d{1,2})\."), "day first"),
)
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d))?")
_TIME = re.compile(r"(\d\d?):(\d\d)(?::\d\d)?(?:[.+Z].*)?\Z")


class Sayings:
    """What an assistant said, by the row where it said it; answers whether a value was said after a row."""

    def __init__(self, said: Iterable[tuple[int, str]]) -> None:
        """
        Args:
            said: (row, text) in order of rows.
        """
        self._words: dict[str, int] = {}
        self._numbers: dict[str, int] = {}
        self._days: dict[tuple[int, int], int] = {}
        self._times: dict[int, int] = {}
        self._scaled: list[tuple[float, float, int]] = []
        self._rows: list[int] = []
        self._starts: list[int] = []
        parts: list[str] = []
        length = 1
        for row, text in said:
            text = text.casefold()
            words = _WORD.findall(text)
            self._words.update(dict.fromkeys(words, row))
            self._rows.append(row)
            self._starts.append(length - 1)
            # Two spaces between texts, so that no phrase goes across.
            part = " ".join(words) + "  "
            parts.append(part)
            length += len(part)
            self._read_figures(row, text)
        self._text = " " + "".join(parts)

    def _read_figures(self, row: int, text: str) -> None:
        for found in _NUMBER.finditer(text):
            for number in readings(found[0]):
                self._numbers[number] = row
        for found in _SCALED.finditer(text):
            factor = _FACTORS[found[3][0]]
            self._scaled.append((float(found[1]) * factor, 0.51 * factor / 10 ** len(found[2] or ""), row))
        for found in _CLOCK.finditer(text):
            hour, minute = int(found[1]), int(found[2] or found[4] or 0)
            if found[3]:
                hour = hour % 12 + (12 if found[3] == "p" else 0)
            self._times[hour * 60 + minute] = row
        for pattern, order in _DAYS:
            for found in pattern.finditer(text):
                first, second = (_day_part(found[1]), _day_part(found[2]))
                if order != "day first":
                    self._days[first, second] = row
                if order != "month first":
                    self._days[second, first] = row

    def has(self, value: str, after: int) -> bool | None:
        """Whether a value was said after a row; `None` for a value that says nothing.

        Args:
            value: a string, or a number or word as JSON spells it.
            after: the row.
        """
        figures, (days, times), words, is_prose = _forms(value)
        if figures is None and not words:
            return None
        if words and self._has_words(words, is_prose, after):
            return True
        if figures and self._has_number(figures, after):
            return True
        if days and any(self._days.get(day, -1) > after for day in days):
            return True
        return bool(times) and any(self._times.get(time, -1) > after for time in times)

    def _has_number(self, figures: tuple[str, ...], after: int) -> bool:
        if any(self._numbers.get(figure, -1) > after for figure in figures):
            return True
        exact = float(figures[0])
        return exact >= 1000 and any(row > after and abs(exact - x) <= slack for x, slack, row in self._scaled)

    def _has_words(self, words: tuple[str, ...], is_prose: bool, after: int) -> bool:
        if not is_prose and self._words.get(words[-1], -1) <= after:
            return False
        last = [self._words.get(word, -1) > after for word in words]
        if all(last) and (len(words) == 1 or self._has_phrase(words, after)):
            return True
        if not is_prose:
            return False
        run = 2 if len(words) == 3 else 3
        long = [len(word) >= LONG_WORD for word in words]
        for i in range(len(words) - run + 1):
            # Words that are in every text make no phrase.
            part = words[i : i + run]
            if (
                all(last[i : i + run])
                and sum(len(word) >= PHRASE_WORD for word in part) >= 2
                and self._has_phrase(part, after)
            ):
                return True
        said = {word for word, is_said, is_long in zip(words, last, long, strict=True) if is_said and is_long}
        return len(said) >= 2 and 2 * len(said) >= len({w for w, is_long in zip(words, long, strict=True) if is_long})

    def _has_phrase(self, words: tuple[str, ...], after: int) -> bool:
        first = bisect_left(self._rows, after + 1)
        if first == len(self._starts):
            return False
        return self._text.find(f" {' '.join(words)} ", self._starts[first]) >= 0


@lru_cache(8192)
def _forms(
    value: str,
) -> tuple[tuple[str, ...] | None, tuple[tuple[tuple[int, int], ...], tuple[int, ...]], tuple[str, ...], bool]:
    """(ways to write it as a number, (days, times), words, whether they are prose).

    Without number and words a value says nothing. Of prose a part may be said; an address or a path only as a whole.
    """
    text = value.strip()[:MAX_CHARS]
    is_number = bool(_JSON_NUMBER.match(text))
    figures: tuple[str, ...] | None = None
    if is_number or (_DIGIT.search(text, 0, 24) and _AMOUNT.match(text)):
        figures = _figures(text) or None
    words = tuple(_WORD.findall(text.casefold())[:MAX_WORDS])
    if sum(map(len, words)) < MIN_CHARS or text.casefold() in COMMON:
        words = ()
    if is_number and figures is None:
        return None, ((), ()), (), False
    return figures, (_moment(text), ()) if is_number else _when(text), words, text.count(" ") >= 2


def _figures(text: str) -> tuple[str, ...]:
    """A number as texts may write it, itself first; none if it has too few digits to say something."""
    found = list(readings(re.sub(r"[^\d.,'+\-eE ]", "", text).strip()))
    if not found:
        return ()
    number = Decimal(found[0])
    forms = dict.fromkeys(found)
    places = -int(number.as_tuple().exponent)
    for digits in (2, 1, 0):
        if places > digits:
            forms[_spelt(_rounded(number, digits))] = None
    if 0 < number < 1:
        forms.update(dict.fromkeys(_spelt(_rounded(number * 100, digits)) for digits in (2, 1, 0)))
    elif number >= 1000 and places <= 0:
        forms[_spelt(number / 100)] = None
    telling = tuple(form for form in forms if len(form) - form.count(".") >= MIN_DIGITS)
    return telling if telling[:1] == tuple(found[:1]) else ()


@lru_cache(8192)
def readings(text: str) -> tuple[str, ...]:
    """The numbers that a spelling can mean, without sign, separators and closing zeros: `1,234.50` is 1234.5."""
    text = text.strip().lstrip("+-").rstrip(".,")
    if _PLAIN_NUMBER.match(text) and len(text) <= MAX_NUMBER_CHARS:
        return (_closed(text.lstrip("0") or "0"),)
    plain = text.replace("'", "").replace("\u00a0", "").replace("\u202f", "").replace(" ", "")
    if not plain or len(plain) > MAX_NUMBER_CHARS:
        return ()
    commas, dots = plain.count(","), plain.count(".")
    made = {plain.replace(",", "")} if dots <= 1 else set()
    if commas == 1:
        made.add(plain.replace(".", "").replace(",", "."))
    if dots > 1 and commas == 0:
        made.add(plain.replace(".", ""))
    out = []
    for one in sorted(made):
        try:
            number = Decimal(one)
        except InvalidOperation:
            continue
        if number.is_finite() and abs(number.adjusted()) <= MAX_NUMBER_CHARS:
            out.append(_spelt(number))
    return tuple(out)


def _rounded(number: Decimal, digits: int) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def _spelt(number: Decimal) -> str:
    return _closed(format(abs(number), "f"))


def _closed(spelt: str) -> str:
    spelt = spelt.rstrip("0").rstrip(".") if "." in spelt else spelt
    return "0" + spelt if spelt[:1] in ("", ".") else spelt


def _when(text: str) -> tuple[tuple[tuple[int, int], ...], tuple[int, ...]]:
    """The days and the times of day that a text names."""
    date = _DATE.match(text)
    if date:
        time = (int(date[4]) * 60 + int(date[5]),) if date[4] else ()
        return ((int(date[2]), int(date[3])),), time
    clock = _TIME.match(text)
    return ((), (int(clock[1]) * 60 + int(clock[2]),)) if clock else ((), ())


def _moment(text: str) -> tuple[tuple[int, int], ...]:
    """The day, if a number is a time in seconds or milliseconds since 1970, of this century."""
    if not text.isdigit() or len(text) not in (10, 13):
        return ()
    at = datetime.datetime.fromtimestamp(int(text[:10]), datetime.timezone.utc)
    return ((at.month, at.day),)


def _day_part(text: str) -> int:
    return int(text) if text.isdigit() else _MONTHS.index(text[:3].lower()) + 1
