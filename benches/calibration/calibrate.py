#!/usr/bin/env python3
"""How many tokens other model families need for a text, relative to o200k_base.

    python calibrate.py FILE...        one column per file; name files after the kind of text they hold

Prints, per family, tokens / o200k_base tokens for each file and the mean over files, then the same relative to
o200k_base with every digit a token. The means, rounded, are the factors in src/tokens/families.rs, of the base whose
ratios vary less between the files. Tokenizers come from packages on PyPI:

    pip install tiktoken litellm splintr-rs ctok mistral-common dashscope llama-models

- splintr-rs bundles public vocabularies (Llama, Qwen, GLM, Kimi, DeepSeek, Mistral, Gemma, Phi).
- ctok reconstructs Claude's counts; its authors compare it with recorded answers of Anthropic's count_tokens.
- litellm ships the tokenizer of Claude 2. llama-models ships Llama 4's. dashscope ships Qwen's (a check of splintr's).
A package that is missing is left out of the table.
"""

import importlib.util
import json
import os
import pathlib
import statistics
import sys
from collections.abc import Callable

LIMIT = 60_000  # characters per file: ctok is slow, and the ratios have settled by then
SLICES = 6  # taken evenly from the file, so that it is not all one document

Count = Callable[[str], int]


def folder(package: str) -> pathlib.Path | None:
    spec = importlib.util.find_spec(package)
    return (
        pathlib.Path(next(iter(spec.submodule_search_locations))) if spec and spec.submodule_search_locations else None
    )


def bundled() -> dict[str, Count]:
    import splintr

    names = [
        "o200k_base",
        "cl100k_base",
        "llama2",
        "llama3",
        "qwen3",
        "glm4",
        "kimi_k2",
        "kimi_k3",
        "deepseek_v3",
    ]
    names += [
        "mistral_v1",
        "mistral_v2",
        "mistral_v3",
        "gemma2",
        "gemma3",
        "gemma4",
        "phi4",
        "olmo2",
        "codellama",
    ]
    counters: dict[str, Count] = {}
    for name in names:
        try:
            tokenizer = splintr.Tokenizer.from_pretrained(name)
        except ValueError:
            continue
        counters[name] = lambda text, t=tokenizer: len(t.encode(text))
    return counters


def single_digits() -> dict[str, Count]:
    """o200k_base with every digit a piece of its own, as several families have it: the second base of estimates."""
    import tiktoken

    o200k = tiktoken.get_encoding("o200k_base")
    pattern = o200k._pat_str.replace(r"\p{N}{1,3}", r"\p{N}")
    encoding = tiktoken.Encoding("digits", pat_str=pattern, mergeable_ranks=o200k._mergeable_ranks, special_tokens={})
    return {"o200k, single digits": lambda text: len(encoding.encode_ordinary(text))}


def claude() -> dict[str, Count]:
    from ctok import token_count

    frame = {version: token_count("a", version) - 1 for version in ("3.0", "4.8")}
    return {
        "claude 3 to 4.6": lambda text: token_count(text, "3.0") - frame["3.0"],
        "claude 4.7 and later": lambda text: token_count(text, "4.8") - frame["4.8"],
    }


def claude_2() -> dict[str, Count]:
    from tokenizers import Tokenizer

    place = folder("litellm")
    if not place:
        return {}
    tokenizer = Tokenizer.from_str((place / "litellm_core_utils/tokenizers/anthropic_tokenizer.json").read_text())
    return {"claude 2": lambda text: len(tokenizer.encode(text).ids)}


def llama_4() -> dict[str, Count]:
    import tiktoken
    from tiktoken.load import load_tiktoken_bpe

    place = folder("llama_models")
    if not place:
        return {}
    pattern = "|".join(
        [
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
            r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        ]
    )
    ranks = load_tiktoken_bpe(str(place / "llama4/tokenizer.model"))
    encoding = tiktoken.Encoding("llama4", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    return {"llama 4": lambda text: len(encoding.encode_ordinary(text))}


def qwen() -> dict[str, Count]:
    import tiktoken
    from tiktoken.load import load_tiktoken_bpe

    place = folder("dashscope")
    if not place:
        return {}
    pattern = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    ranks = load_tiktoken_bpe(str(place / "resources/qwen.tiktoken"))
    encoding = tiktoken.Encoding("qwen", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    return {"qwen (dashscope)": lambda text: len(encoding.encode_ordinary(text))}


def tekken() -> dict[str, Count]:
    import base64

    import tiktoken

    place = folder("mistral_common")
    if not place:
        return {}
    data = json.loads((place / "data/tekken_240911.json").read_text())
    config = data["config"]
    kept = config["default_vocab_size"] - config["default_num_special_tokens"]
    ranks = {base64.b64decode(entry["token_bytes"]): entry["rank"] for entry in data["vocab"][:kept]}
    encoding = tiktoken.Encoding("tekken", pat_str=config["pattern"], mergeable_ranks=ranks, special_tokens={})
    return {"mistral tekken": lambda text: len(encoding.encode_ordinary(text))}


def sample(path: str) -> str:
    text = pathlib.Path(path).read_text(encoding="utf-8", errors="ignore")
    if len(text) <= LIMIT:
        return text
    width = LIMIT // SLICES
    return "".join(text[len(text) * i // SLICES :][:width] for i in range(SLICES))


def main() -> None:
    texts = {pathlib.Path(path).stem: sample(path) for path in sys.argv[1:]}
    if not texts:
        sys.exit(__doc__)
    place = folder("litellm")
    if place:  # so that tiktoken need not fetch its vocabularies
        os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(place / "litellm_core_utils/tokenizers"))
    counters: dict[str, Count] = {}
    for source in (single_digits, bundled, claude, claude_2, llama_4, qwen, tekken):
        try:
            counters |= source()
        except ImportError as missing:
            print(f"# left out {source.__name__}: {missing}", file=sys.stderr)
    counts = {family: [count(text) for text in texts.values()] for family, count in counters.items()}
    for base in ("o200k_base", "o200k, single digits"):
        print(f"{'/ ' + base:24}" + "".join(f"{name:>9}" for name in texts) + f"{'mean':>9}{'spread':>9}")
        for family, numbers in counts.items():
            ratios = [number / of for number, of in zip(numbers, counts[base], strict=True)]
            cells = "".join(f"{ratio:9.3f}" for ratio in ratios)
            print(f"{family:24}{cells}{statistics.mean(ratios):9.3f}{statistics.pstdev(ratios):9.3f}")


if __name__ == "__main__":
    main()
