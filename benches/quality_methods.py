"""Every method on every case: ours at its levels and ratios, simple rivals at equal tokens, peers.

Ours and the rivals run in a process per core, in order of the cases; peers run beside them, each in its own process
and mostly from the store of earlier answers (`quality_peers`).
"""

from __future__ import annotations

import copy
import multiprocessing
import os
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import headroom
import peers
import rivals
from quality_cases import Case, Messages, Score, Scorer
from quality_peers import CachedPeer

MODEL = "gpt-4o"
OURS, LOSSLESS, AGGRESSIVE = "headroom", "headroom, lossless", "headroom, aggressive"
HIDDEN, OTHER_COUNT = "headroom, question hidden", "headroom, cl100k_base"
BM25, ENDS, ENDS_HIDDEN = "BM25", "head+tail", "head+tail, question hidden"
PEER, PEER_HIDDEN = peers.HEADROOM_AI, f"{peers.HEADROOM_AI}, question hidden"
LITELLM, LITELLM_EQUAL = peers.LITELLM, f"{peers.LITELLM}, equal tokens"

RATIOS = (0.8, 0.6, 0.45, 0.3, 0.2, 0.1)
"""Shares of the tokens to keep that the curves go through."""
RIVALS = {BM25: rivals.Cut.best_lines, ENDS: rivals.Cut.head_and_tail}


def at_ratio(method: str, ratio: float) -> str:
    """The name of `method` told to keep `ratio` of the tokens."""
    return f"{method} at {ratio}"


def measure(cases: list[Case], with_peers: bool = True) -> None:
    """Fills in the scores of every case."""
    # Spawned: the core's threads and the thread below must not be forked.
    spawn = multiprocessing.get_context("spawn")
    with ThreadPoolExecutor(1) as beside, ProcessPoolExecutor(min(os.cpu_count() or 1, len(cases)), spawn) as pool:
        theirs = beside.submit(_default_peers, cases) if with_peers else None
        done = ""
        for case, scores in zip(cases, pool.map(ours_and_rivals, cases), strict=True):
            case.scores.update(scores)
            if case.set != done:
                done = case.set
                print(f"measuring {done}", file=sys.stderr)
        if theirs is not None:
            for case, scores in zip(cases, theirs.result(), strict=True):
                case.scores.update(scores)
            _litellm_at_equal_tokens(cases)


@cache
def scorer(vocabulary: str = "o200k_base") -> Scorer:
    """One per process: loading a vocabulary takes half a second."""
    peers.use_local_vocabularies()
    import tiktoken

    return Scorer(tiktoken.get_encoding(vocabulary))


def ours_and_rivals(case: Case) -> dict[str, Score]:
    """The scores of what needs no other process."""
    count, before = scorer(), copy.deepcopy(case.messages)
    hidden = case.without_question()
    out: dict[str, Score] = {}

    def ours(method: str, given: Messages, by: Scorer = count, **options: Any) -> None:
        error, made = "", None
        try:
            made = headroom.compress(given, model=MODEL, max_threads=1, **options).messages
        except Exception as failure:  # noqa: BLE001  a failure is a figure of the page, not its end
            error = f"{type(failure).__name__}: {failure}"[:200]
        out[method] = by.score(case, given, made, error)

    ours(OURS, case.messages)
    ours(LOSSLESS, case.messages, level="lossless")
    ours(AGGRESSIVE, case.messages, level="aggressive")
    ours(HIDDEN, hidden)
    ours(OTHER_COUNT, case.messages, scorer("cl100k_base"))
    for ratio in RATIOS:
        ours(at_ratio(OURS, ratio), case.messages, target_ratio=ratio)
    if case.messages != before:
        raise AssertionError(f"{case.id}: compress() has mutated its input")

    cut = rivals.Cut(case.messages, case.question, _tokens)
    for method, choose in RIVALS.items():
        out[method] = count.score(case, case.messages, choose(cut, out[OURS].after))
        for ratio in RATIOS:
            budget = int(ratio * out[OURS].before)
            out[at_ratio(method, ratio)] = count.score(case, case.messages, choose(cut, budget))
    ends = rivals.Cut(hidden, "", _tokens).head_and_tail(out[HIDDEN].after)
    out[ENDS_HIDDEN] = count.score(case, hidden, ends)
    return out


def _tokens(text: str) -> int:
    return headroom.count_tokens(text, MODEL)


def _default_peers(cases: list[Case]) -> list[dict[str, Score]]:
    """Peers as they come, with and without the question, for each case."""
    out: list[dict[str, Score]] = [{} for _ in cases]
    for method, hidden_method, version, python in (
        (PEER, PEER_HIDDEN, peers.VERSION, peers.install_headroom_ai()),
        (LITELLM, None, litellm_version(), Path(sys.executable)),
    ):
        if python is None:
            continue
        with CachedPeer(method, version, python) as peer:
            for case, scores in zip(cases, out, strict=True):
                scores[method] = scorer().score(case, case.messages, *peer.compress(case.messages, MODEL))
                if hidden_method:
                    hidden = case.without_question()
                    scores[hidden_method] = scorer().score(case, hidden, *peer.compress(hidden, MODEL))
    return out


def _litellm_at_equal_tokens(cases: list[Case]) -> None:
    with CachedPeer(LITELLM, litellm_version()) as peer:
        for case in cases:
            options = {"compression_trigger": 1, "compression_target": case.scores[OURS].after}
            answer = peer.compress(case.messages, MODEL, **options)
            case.scores[LITELLM_EQUAL] = scorer().score(case, case.messages, *answer)


def litellm_version() -> str:
    """Of the LiteLLM that is measured."""
    from importlib.metadata import version

    return version("litellm")


def failures(cases: list[Case]) -> dict[str, Counter[str]]:
    """By method, its errors and how many cases had them."""
    out: dict[str, Counter[str]] = {}
    for case in cases:
        for method, score in case.scores.items():
            if score.error:
                out.setdefault(method, Counter())[score.error] += 1
    return out
