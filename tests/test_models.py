"""Every model name that LiteLLM knows has a token counter."""

import os

import pytest
from headroom import compress, count_tokens

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

TEXT = "2024-05-01 10:00:00 ERROR [worker-17] can't reach https://db.example.com:5432 (id=8f3a9c1e)\n" * 3


def tokenizer(model: str) -> tuple[str, bool]:
    result = compress([{"role": "user", "content": "hello"}], model=model)
    return result.tokenizer, result.tokens_exact


@pytest.fixture(scope="module")
def models() -> list[str]:
    litellm = pytest.importorskip("litellm")
    return sorted({*litellm.model_list, *litellm.model_cost})


def test_every_name_counts(models: list[str]) -> None:
    base = count_tokens(TEXT, "gpt-4o")
    for model in models:
        # cl100k_base is a little below o200k_base, r50k_base and Claude's latest far above.
        assert 0.95 * base <= count_tokens(TEXT, model) <= 2 * base, model


def test_every_chat_model_of_a_known_family_has_its_tokenizer(models: list[str]) -> None:
    unknown = tokenizer("a/model/nobody/knows")[0]
    for model in models:
        name = model.rsplit("/", 1)[-1].lower()
        if any(
            family in name
            for family in (
                "claude",
                "gemini",
                "llama",
                "qwen",
                "deepseek",
                "mistral",
                "kimi",
                "glm-",
                "command-r",
            )
        ):
            described, exact = tokenizer(model)
            assert described != unknown, model
            assert not exact, model


def test_openai_names_are_exact_whoever_serves_them(models: list[str]) -> None:
    for model in models:
        name = model.rsplit("/", 1)[-1]
        if name.startswith(("gpt-3.5", "gpt-4", "gpt-5", "gpt-oss", "o1", "o3", "o4-mini")) and not name.startswith(
            "gpt-41"
        ):
            assert tokenizer(model)[1], model


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-4o", ("o200k_base", True)),
        ("azure/gpt-35-turbo", ("cl100k_base", True)),
        ("groq/openai/gpt-oss-120b", ("o200k_harmony", True)),
        ("bedrock/claude-sonnet", ("o200k_base x 1.21 (estimate)", False)),
        ("openrouter/anthropic/claude-opus-4.7", ("o200k_base x 1.56 (estimate)", False)),
        ("vertex_ai/gemini-2.5-pro", ("o200k_base with single digits x 1.10 (estimate)", False)),
        ("ollama/llama3:8b", ("cl100k_base x 1.00 (estimate)", False)),
        ("", ("o200k_base (estimate)", False)),
        ("nobody/knows/this", ("o200k_base (estimate)", False)),
    ],
)
def test_the_tokenizer_is_named(model: str, expected: tuple[str, bool]) -> None:
    assert tokenizer(model) == expected


def test_fewer_tokens_are_never_estimated_as_more() -> None:
    counts = [count_tokens(TEXT[:length], "claude-opus-4-7") for length in range(0, len(TEXT), 7)]
    exact = [count_tokens(TEXT[:length], "gpt-4o") for length in range(0, len(TEXT), 7)]
    assert all((a < b) == (c < d) for a, b, c, d in zip(exact, exact[1:], counts, counts[1:], strict=False))
