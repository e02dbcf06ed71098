"""docs/quality.md: the tables, and what they mean. No text of a case gets into it."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import peers
import quality_methods as m
import rivals
from quality_cases import CONTEXT_SHARE, Case
from quality_cost import READ, WRITE, Bill, table


class Figures(NamedTuple):
    """In per cent, over a group of cases; tokens are pooled, the rest is the mean over cases."""

    saved: float
    kept: float | None
    in_context: float | None


def figures(cases: Sequence[Case], method: str) -> Figures | None:
    """What `method` reached; None if it was not measured on all of them."""
    scores = [case.scores[method] for case in cases if method in case.scores]
    if not scores or len(scores) < len(cases):
        return None
    before, after = sum(s.before for s in scores), sum(s.after for s in scores)

    def mean(values: list[float | None]) -> float | None:
        known = [v for v in values if v is not None]
        return 100 * statistics.mean(known) if known else None

    saved = 100 * (1 - after / before) if before else 0.0
    return Figures(saved, mean([s.kept for s in scores]), mean([s.in_context for s in scores]))


def grouped(cases: Sequence[Case], by: Callable[[Case], str]) -> dict[str, list[Case]]:
    """Cases by a key, in order of the key."""
    out: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        out[by(case)].append(case)
    return dict(sorted(out.items()))


def page(cases: list[Case], sample: list[Case], bills: dict[str, dict[str, Bill]], made_with: str, plot: str) -> str:
    """The whole page; `made_with` is the line of versions, `plot` the name of the picture beside it."""
    whole, hidden = figures(cases, m.OURS), figures(cases, m.HIDDEN)
    assert whole is not None
    assert hidden is not None
    cost = _COST.format(READ=READ, WRITE=WRITE, table=table(bills)) if bills else ""
    by_set, by_kind = grouped(cases, lambda c: c.set), grouped(cases, lambda c: c.kind)
    kinds = {name: ", ".join(sorted({c.kind for c in group})) for name, group in by_set.items()}
    named = {name if kinds[name] == name else f"{name} ({kinds[name]})": group for name, group in by_set.items()}
    groups = named | {"**all**": cases}
    return f"""# Quality: what is saved and what is kept

On {len(cases)} cases of real text the default level removes **{_one(whole.saved)} %** of the tokens and keeps
**{_one(whole.kept)} %** of what an answer needs. With the question hidden it is {_one(hidden.saved)} % and
{_one(hidden.kept)} %.

{made_with}

Three figures, in per cent:

- **saved**: tokens removed, of all tokens of the messages, counted with tiktoken's `o200k_base`.
- **kept**: strings that an answer needs (known beforehand, see [below](#cases-of-your-own)) and that are still
  visible; the mean over cases.
- **in context**: the same, but a string counts only if at least one in {CONTEXT_SHARE} of the words around it
  still stands near it. A bag of words or an index of identifiers is not a context.

*Kept* is survival of strings, not quality of answers. For judging by eye there are
[ten whole texts before and after](examples/README.md).

## Savings over what is kept

![Savings over what is kept, one panel per kind of text]({plot})

Each point is one method on all cases of a kind; up and to the right is better. The lines go through values of
`target_ratio` ({", ".join(map(str, m.RATIOS))}), and through the same budgets for BM25 and head+tail.

By kind (saved / kept):

{_table(by_kind | {"**all**": cases}, _KINDS)}

## Headroom, by set

{_table(groups, _HEADROOM)}

*question whole*: cases in which the question still stands as it was asked. *touched*: cases in which anything changed
that is not payload (roles, ids, order, the model's words, arguments of calls, short human messages). *system*: cases in
which a system message changed, which only a re-encoding without loss may do.

Levels (saved / kept / in context), and another vocabulary to count in:

{_table(groups, _LEVELS)}

## Beside others, as they come

Everybody with default options (saved / kept / in context). litellm.compression does nothing below 200,000 tokens.

{_table(groups, _DEFAULTS)}

## Beside others, at equal tokens

All get, case by case, as many tokens as Headroom used at its default level (kept / in context; the share saved in
parentheses where it differs by a point or more, because the next unit did not fit or nothing more may be cut). BM25
takes the best lines by their words (k1 {rivals.K1}, b {rivals.B}), head+tail the first and the last ones. Nobody may
cut system messages, so where the payload stands in one (function schemas), lines cannot be chosen.

{_table(groups, _EQUAL)}

## Beside others, with the question hidden

Questions that quote exact identifiers flatter every method that looks at them. Here the question is taken out of the
messages and of the calls first: what an agent's later steps live with (saved / kept / in context; head+tail at the
tokens of Headroom).

{_table(groups, _HIDDEN)}

{cost}## Failures

{_failures(cases if cases is sample else [*cases, *sample])}

## Cases of your own

`make quality CASES=folder` makes this page from any folder of cases, beside the same peers. A folder holds
`<set>.jsonl` or `<set>/cases.jsonl`, one case a line:

| field | what it is |
|---|---|
| `id` | a name, for messages about the case |
| `kind` | the panel it belongs to: `log`, `json`, `search`, `diff`, `code`, `prose`, `trajectory`, or any other word |
| `messages` | OpenAI chat messages, the payload among them |
| `question` | what is asked, exactly as it stands in the messages; `null` if there is none |
| `gold` | strings of the payload that an answer needs; looked for with case and white space aside |
| `gold_mode` | `"all"` of them are needed, or `"any"` one is enough |

{_where(cases, sample)} Without `CASES` the page is made from
{len(sample)} easy ones built from `examples/inputs`, into `.cache/quality`. Anybody can make these rows again:

{_table(grouped(sample, lambda c: f"sample: {c.kind}") | {"sample": sample}, _SAMPLE)}
"""


_COST = """\
## What a conversation costs with prompt caching

Whole conversations of agents, each answer one request, with a provider that caches prompts (reads at {READ}, writes at
{WRITE} of the price of plain input): cost and tokens in per cent of those of the uncompressed requests, and in how many
requests a message that had been sent before came out different.

{table}

"""
Column = tuple[str, Callable[[Sequence[Case]], str]]


def _where(cases: list[Case], sample: list[Case]) -> str:
    if cases is sample:
        return "All cases above are a sample from this repository."
    return "The cases above are not in this repository: most are other people's text."


def _one(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _cell(method: str, fields: str = "saved kept in_context") -> Callable[[Sequence[Case]], str]:
    def cell(cases: Sequence[Case]) -> str:
        found = figures(cases, method)
        return "–" if found is None else " / ".join(_one(getattr(found, name)) for name in fields.split())

    return cell


def _at_our_tokens(method: str) -> Callable[[Sequence[Case]], str]:
    def cell(cases: Sequence[Case]) -> str:
        found, ours = figures(cases, method), figures(cases, m.OURS)
        if found is None or ours is None:
            return "–"
        differs = abs(found.saved - ours.saved) >= 1
        return f"{_one(found.kept)} / {_one(found.in_context)}" + (f" ({_one(found.saved)})" if differs else "")

    return cell


def _sum(attribute: str) -> Callable[[Sequence[Case]], str]:
    return lambda cases: f"{sum(getattr(case.scores[m.OURS], attribute) for case in cases):,}"


def _asks(cases: Sequence[Case]) -> str:
    known = [s.asks for s in (case.scores[m.OURS] for case in cases) if s.asks is not None]
    return _one(100 * statistics.mean(known)) if known else "–"


_HEADROOM: list[Column] = [
    ("tokens before", _sum("before")),
    ("after", _sum("after")),
    ("saved", _cell(m.OURS, "saved")),
    ("kept", _cell(m.OURS, "kept")),
    ("in context", _cell(m.OURS, "in_context")),
    ("question whole", _asks),
    ("touched", _sum("touched")),
    ("system", _sum("system")),
]
_KINDS: list[Column] = [
    ("**headroom**", _cell(m.OURS, "saved kept")),
    ("lossless", _cell(m.LOSSLESS, "saved kept")),
    ("question hidden", _cell(m.HIDDEN, "saved kept")),
    (peers.HEADROOM_AI, _cell(m.PEER, "saved kept")),
    (f"{peers.LITELLM}, equal tokens", _cell(m.LITELLM_EQUAL, "saved kept")),
    ("BM25, equal tokens", _cell(m.BM25, "saved kept")),
    ("head+tail, equal tokens", _cell(m.ENDS, "saved kept")),
]
_LEVELS: list[Column] = [
    ("lossless", _cell(m.LOSSLESS)),
    ("balanced (default)", _cell(m.OURS)),
    ("aggressive", _cell(m.AGGRESSIVE)),
    ("saved, in `o200k_base`", _cell(m.OURS, "saved")),
    ("in `cl100k_base`", _cell(m.OTHER_COUNT, "saved")),
]
_DEFAULTS: list[Column] = [("**headroom**", _cell(m.OURS)), (peers.HEADROOM_AI, _cell(m.PEER))]
_DEFAULTS.append((peers.LITELLM, _cell(m.LITELLM)))
_EQUAL: list[Column] = [
    ("saved by **headroom**", _cell(m.OURS, "saved")),
    ("**headroom**", _cell(m.OURS, "kept in_context")),
    (peers.LITELLM, _at_our_tokens(m.LITELLM_EQUAL)),
    ("BM25", _at_our_tokens(m.BM25)),
    ("head+tail", _at_our_tokens(m.ENDS)),
]
_HIDDEN: list[Column] = [
    ("**headroom**", _cell(m.HIDDEN)),
    (peers.HEADROOM_AI, _cell(m.PEER_HIDDEN)),
    ("head+tail", _cell(m.ENDS_HIDDEN)),
]
_SAMPLE: list[Column] = [
    ("headroom", _cell(m.OURS)),
    ("question hidden", _cell(m.HIDDEN)),
    (peers.HEADROOM_AI, _cell(m.PEER)),
    ("BM25 at equal tokens", _cell(m.BM25)),
    ("head+tail at equal tokens", _cell(m.ENDS)),
]


def _table(groups: dict[str, list[Case]], columns: list[Column]) -> str:
    lines = [
        "| | cases | " + " | ".join(name for name, _ in columns) + " |",
        "|---|---:|" + "---:|" * len(columns),
    ]
    for name, group in groups.items():
        lines.append(f"| {name} | {len(group)} | " + " | ".join(cell(group) for _, cell in columns) + " |")
    return "\n".join(lines)


def _failures(cases: list[Case]) -> str:
    """Errors are figures, too: a case that failed counts as left as it was."""
    found = m.failures(cases)
    methods = {method for case in cases for method in case.scores}
    if not methods & {m.PEER, m.LITELLM}:
        said = "Peers were not measured. "
    elif m.PEER not in methods:
        said = f"{peers.HEADROOM_AI} could not be installed and was not measured. "
    else:
        said = ""
    if not found:
        return f"{said}No method failed on any case: no exception, no process that ended, no time-out."
    rows = [
        f"| {method} | {count} | {error.replace('|', ' ')[:160]} |"
        for method, errors in sorted(found.items())
        for error, count in errors.most_common(3)
    ]
    return (
        f"{said}A case that failed counts as left as it was.\n\n| method | cases | error |\n|---|---:|---|\n"
        + "\n".join(rows)
    )
