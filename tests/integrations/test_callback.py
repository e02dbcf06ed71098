"""What the callback promises besides compressing: it counts right, touches nothing else, and fails open."""

from __future__ import annotations

import asyncio
import copy
import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

litellm = pytest.importorskip("litellm")

import payloads
from entry_points import PROVIDERS, drain, prepare, reset_callbacks
from headroom import compress
from headroom.integrations import engine as engine_module
from headroom.integrations import litellm_hooks
from headroom.integrations.litellm_callback import HeadroomCallback
from recorder import Recorder

MODEL = "openai/gpt-4o"


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    prepare()
    reset_callbacks()
    yield
    reset_callbacks()
    litellm.cache = None
    logging.disable(logging.NOTSET)


@pytest.fixture
def callback() -> HeadroomCallback:
    made = HeadroomCallback()
    reset_callbacks(made)
    return made


def to(recorder: Recorder, **more: Any) -> dict[str, Any]:
    return {"api_base": recorder.url + "/v1", "api_key": "k", "max_retries": 0, **more}


def expected_saving() -> int:
    return compress(payloads.chat(), model=MODEL, min_tokens=500).tokens_saved


def settle(check: Any) -> None:
    """Waits for LiteLLM's logging threads."""
    end = time.monotonic() + 5
    while not check() and time.monotonic() < end:
        time.sleep(0.02)


NOT_CHAT = {
    "embedding": lambda u: litellm.embedding(model="openai/text-embedding-3-small", input=[payloads.OUTPUT], **u),
    "aembedding": lambda u: litellm.aembedding(model="openai/text-embedding-3-small", input=[payloads.OUTPUT], **u),
    "image_generation": lambda u: litellm.image_generation(model="openai/dall-e-3", prompt=payloads.OUTPUT, **u),
    "aimage_generation": lambda u: litellm.aimage_generation(model="openai/dall-e-3", prompt=payloads.OUTPUT, **u),
    "speech": lambda u: litellm.speech(model="openai/tts-1", input=payloads.OUTPUT, voice="alloy", **u),
    "text_completion": lambda u: litellm.text_completion(
        model="openai/gpt-3.5-turbo-instruct", prompt=payloads.OUTPUT, **u
    ),
    "atext_completion": lambda u: litellm.atext_completion(
        model="openai/gpt-3.5-turbo-instruct", prompt=payloads.OUTPUT, **u
    ),
    "text_completion of a chat model": lambda u: litellm.text_completion(
        model="mistral/mistral-tiny", prompt=payloads.OUTPUT, **u
    ),
    "atext_completion of a chat model": lambda u: litellm.atext_completion(
        model="mistral/mistral-tiny", prompt=payloads.OUTPUT, **u
    ),
    "moderation": lambda u: litellm.moderation(
        model="omni-moderation-latest", input=payloads.OUTPUT, api_key="k", api_base=u["api_base"]
    ),
    "amoderation": lambda u: litellm.amoderation(
        model="omni-moderation-latest", input=payloads.OUTPUT, api_key="k", api_base=u["api_base"]
    ),
}


@pytest.mark.parametrize("name", NOT_CHAT)
def test_other_calls_pass_byte_for_byte(name: str, recorder: Recorder) -> None:
    bodies = []
    callback = HeadroomCallback()
    for callbacks in ((), (callback,)):
        reset_callbacks(*callbacks)
        recorder.clear()
        try:
            drain(NOT_CHAT[name](to(recorder)))
        except Exception as error:  # an old version may not like the reply; what it sent counts
            if not recorder.posts():
                pytest.skip(f"this LiteLLM cannot make the call: {type(error).__name__}")
        bodies.append([r.body for r in recorder.posts()])
    assert bodies[0] == bodies[1]
    assert len(bodies[0]) == 1
    assert callback.total_tokens_saved == 0


def test_total_is_exact_over_many_threads(recorder: Recorder, callback: HeadroomCallback) -> None:
    threads = [
        threading.Thread(target=lambda: [litellm.completion(MODEL, payloads.chat(), **to(recorder)) for _ in range(5)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(recorder.posts()) == 40
    assert callback.total_tokens_saved == 40 * expected_saving()
    assert callback.stats()["calls"] == 40


def _router(recorder: Recorder) -> Any:
    rows = [
        {"model_name": "a", "litellm_params": {"model": MODEL, **to(recorder)}},
        {"model_name": "b", "litellm_params": {"model": "openai/gpt-4o-mini", **to(recorder)}},
    ]
    return litellm.Router(model_list=rows, num_retries=2, retry_after=0, fallbacks=[{"a": ["b"]}])


TRIES = {
    "Router.completion": lambda r: _router(r).completion(model="a", messages=payloads.chat()),
    "Router.acompletion": lambda r: _router(r).acompletion(model="a", messages=payloads.chat()),
    "completion num_retries": lambda r: litellm.completion(MODEL, payloads.chat(), num_retries=3, **to(r)),
    "acompletion num_retries": lambda r: litellm.acompletion(MODEL, payloads.chat(), num_retries=3, **to(r)),
    "completion fallbacks": lambda r: litellm.completion(
        model=MODEL, messages=payloads.chat(), fallbacks=["openai/gpt-4o-mini", "openai/gpt-4o"], **to(r)
    ),
    "acompletion fallbacks": lambda r: litellm.acompletion(
        model=MODEL, messages=payloads.chat(), fallbacks=["openai/gpt-4o-mini", "openai/gpt-4o"], **to(r)
    ),
}


@pytest.mark.parametrize("failures", [1, 2])
@pytest.mark.parametrize("name", TRIES)
def test_a_call_counts_once_however_often_it_is_tried(
    name: str, failures: int, recorder: Recorder, callback: HeadroomCallback
) -> None:
    logging.disable(logging.CRITICAL)
    recorder.statuses = [500] * failures
    drain(TRIES[name](recorder))
    assert len(recorder.posts()) == failures + 1
    assert all(len(r.body) < 45_000 for r in recorder.posts()), "every try is compressed"
    settle(lambda: callback.stats()["calls"] == 1)
    assert callback.total_tokens_saved == expected_saving()
    assert callback.stats()["calls"] == 1


def test_a_call_that_fails_saved_nothing(recorder: Recorder, callback: HeadroomCallback) -> None:
    logging.disable(logging.CRITICAL)
    recorder.statuses = [400, 400]
    for call in (litellm.completion, litellm.acompletion):
        with pytest.raises(litellm.BadRequestError):
            drain(call(MODEL, payloads.chat(), **to(recorder)))
    settle(lambda: callback.total_tokens_saved == 0)
    assert callback.total_tokens_saved == 0


def test_a_cache_hit_saved_nothing(recorder: Recorder, callback: HeadroomCallback) -> None:
    litellm.cache = litellm.Cache(type="local")
    for _ in range(3):
        litellm.completion(model=MODEL, messages=payloads.chat(), caching=True, **to(recorder))
        time.sleep(0.3)
    assert len(recorder.posts()) == 1
    assert callback.total_tokens_saved == expected_saving()


def test_call_types_narrow_it(recorder: Recorder) -> None:
    callback = HeadroomCallback(call_types=["completion"])
    reset_callbacks(callback)
    litellm.completion(MODEL, payloads.chat(), **to(recorder))
    drain(litellm.acompletion(MODEL, payloads.chat(), **to(recorder)))
    drain(litellm.aresponses(model="mistral/x", input=payloads.responses(), **to(recorder)))
    sizes = [len(r.body) for r in recorder.posts()]
    assert sizes[0] < 45_000 < 60_000 < min(sizes[1:])
    with pytest.raises(ValueError, match="acompletion"):
        HeadroomCallback(call_types=["embedding"])


def test_min_tokens_is_the_floor(recorder: Recorder) -> None:
    tokens = compress(payloads.chat(), model=MODEL, min_tokens=1 << 60).tokens_before
    for floor, compressed in ((tokens + 1, False), (tokens - 50, True)):
        callback = HeadroomCallback(min_tokens=floor)
        reset_callbacks(callback)
        recorder.clear()
        litellm.completion(MODEL, payloads.chat(), **to(recorder))
        assert (len(recorder.posts()[0].body) < 45_000) is compressed
        assert callback.stats()["skipped"] == ({} if compressed else {"below min_tokens": 1})


def test_nothing_is_compressed_twice(recorder: Recorder, callback: HeadroomCallback) -> None:
    first = compress(payloads.chat(), model=MODEL, min_tokens=500).messages
    litellm.completion(MODEL, copy.deepcopy(first), **to(recorder))
    assert recorder.posts()[0].json()["messages"][3]["content"] == first[3]["content"]
    reset_callbacks(callback, HeadroomCallback(level="aggressive"))
    recorder.clear()
    drain(litellm.acompletion(MODEL, payloads.chat(), **to(recorder)))
    assert recorder.posts()[0].json()["messages"][3]["content"] == first[3]["content"]


def test_a_callback_that_was_taken_out_is_out(recorder: Recorder, callback: HeadroomCallback) -> None:
    litellm.completion(MODEL, payloads.chat(), **to(recorder))
    litellm.callbacks = []
    litellm.completion(MODEL, payloads.chat(), **to(recorder))
    drain(litellm.acompletion(MODEL, payloads.chat(), **to(recorder)))
    sizes = [len(r.body) for r in recorder.posts()]
    assert sizes[0] < 45_000 < 60_000 < min(sizes[1:])


def test_a_callback_of_one_request(recorder: Recorder) -> None:
    callback = HeadroomCallback()
    litellm.completion(MODEL, payloads.chat(), **to(recorder))
    litellm.completion(MODEL, payloads.chat(), callbacks=[callback], **to(recorder))
    assert [len(r.body) < 45_000 for r in recorder.posts()] == [False, True]


def test_objects_of_litellm_among_the_messages(recorder: Recorder, callback: HeadroomCallback) -> None:
    rows = payloads.chat()
    rows[2] = litellm.Message(role="assistant", content=None, tool_calls=rows[2]["tool_calls"])
    litellm.completion(MODEL, rows, **to(recorder))
    sent = recorder.posts()[0].json()["messages"]
    assert sent[2]["tool_calls"][0]["id"] == payloads.CALL_ID
    assert len(sent[3]["content"]) < 45_000


def test_other_prompt_managers_still_work(recorder: Recorder, callback: HeadroomCallback) -> None:
    points = [{"location": "message", "role": "system"}]
    litellm.completion(
        "anthropic/claude-3-5-sonnet-20240620",
        payloads.chat(),
        tools=[payloads.TOOL],
        cache_control_injection_points=points,
        api_base=recorder.url,
        api_key="k",
    )
    body = recorder.posts()[0].json()
    assert body["system"][0]["cache_control"] == {"type": "ephemeral"}
    assert len(recorder.posts()[0].body) < 45_000


@pytest.mark.parametrize("failure", [RuntimeError, MemoryError, RecursionError])
def test_it_fails_open(
    failure: type[Exception],
    recorder: Recorder,
    callback: HeadroomCallback,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise failure(payloads.OUTPUT[:50])

    monkeypatch.setattr(engine_module, "compress", broken)
    monkeypatch.setattr(engine_module, "once", engine_module.Once())
    with caplog.at_level(logging.WARNING, "headroom"):
        litellm.completion(MODEL, payloads.chat(), **to(recorder))
        drain(litellm.acompletion(MODEL, payloads.chat(), **to(recorder)))
    assert [r.json()["messages"][3]["content"] for r in recorder.posts()] == [payloads.OUTPUT] * 2
    stats = callback.stats()
    assert stats["failed"] == 2
    assert stats["failures"] == {failure.__name__: 2}
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("headroom")]
    assert len(ours) == 1
    assert failure.__name__ in ours[0]
    assert "payment" not in ours[0]


ON_LOOP = {
    "acompletion": lambda r: litellm.acompletion(MODEL, payloads.chat(), **to(r)),
    "aresponses": lambda r: litellm.aresponses(model=MODEL, input=payloads.responses(), **to(r)),
    "anthropic_messages": lambda r: litellm.anthropic_messages(
        model="anthropic/claude-3-5-sonnet-20240620",
        messages=payloads.anthropic(),
        max_tokens=9,
        api_base=r.url,
        api_key="k",
    ),
    "bedrock": lambda r: litellm.acompletion(
        PROVIDERS["bedrock converse"][0],
        payloads.chat(),
        tools=[payloads.TOOL],
        aws_bedrock_runtime_endpoint=r.url,
    ),
}


@pytest.mark.parametrize("name", ON_LOOP)
def test_compression_never_runs_on_the_event_loop(
    name: str, recorder: Recorder, callback: HeadroomCallback, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []

    def watched(*args: Any, **kwargs: Any) -> Any:
        threads.append(threading.current_thread().name)
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        return compress(*args, **kwargs)

    monkeypatch.setattr(engine_module, "compress", watched)
    drain(ON_LOOP[name](recorder))
    assert len(threads) == 1
    assert threads[0] != threading.main_thread().name


def test_a_sync_call_on_a_running_loop(recorder: Recorder, callback: HeadroomCallback) -> None:
    async def main() -> None:
        litellm.completion(MODEL, payloads.chat(), **to(recorder))

    asyncio.run(main())
    assert len(recorder.posts()[0].body) < 45_000


def test_the_models_window_counts(monkeypatch: pytest.MonkeyPatch, recorder: Recorder) -> None:
    limits: list[int] = []

    def watched(*args: Any, **kwargs: Any) -> Any:
        limits.append(kwargs["model_limit"])
        return compress(*args, **kwargs)

    monkeypatch.setattr(engine_module, "compress", watched)
    reset_callbacks(HeadroomCallback(model_limit=100_000))
    litellm.completion("openai/gpt-4o", payloads.chat(), **to(recorder))
    litellm.completion("openai/gpt-3.5-turbo", payloads.chat(), **to(recorder))
    litellm.completion("openai/gpt-4o", payloads.chat(), max_tokens=3000, tools=[payloads.TOOL], **to(recorder))
    window = litellm.model_cost["gpt-3.5-turbo"]["max_input_tokens"]
    assert limits[0] == 100_000
    assert limits[1] == window
    assert 96_900 < limits[2] < 97_000


def test_a_string_as_input_of_responses(recorder: Recorder, callback: HeadroomCallback) -> None:
    text = f"{payloads.QUESTION}\n\n{payloads.OUTPUT}"
    litellm.responses(model=MODEL, input=text, **to(recorder))
    drain(litellm.aresponses(model=MODEL, input=text, **to(recorder)))
    for request in recorder.posts():
        sent = request.json()["input"]
        assert isinstance(sent, str)
        assert len(sent) < 0.9 * len(text)


def test_subclasses_keep_the_hooks_the_proxy_looks_for() -> None:
    class Mine(HeadroomCallback):
        pass

    for name in ("async_pre_call_hook", *litellm_hooks.litellm_proxy.OWN_NAMESPACE):
        if hasattr(HeadroomCallback, name):
            assert name in vars(Mine)


def test_the_name_in_the_yaml_gives_the_proxy_an_instance_and_everyone_else_the_class() -> None:
    from headroom.integrations import litellm_callback

    loader: dict[str, Any] = {"__name__": "litellm.proxy.types_utils.utils", "module": litellm_callback}
    exec("got = getattr(module, 'HeadroomCallback')", loader)
    assert isinstance(loader["got"], HeadroomCallback)
    assert loader["got"] is litellm_callback.proxy_handler_instance
    assert isinstance(HeadroomCallback, type)
    assert HeadroomCallback.__module__ == "headroom.integrations.litellm_callback"


def test_a_callback_may_be_copied_with_the_arguments_of_a_call() -> None:
    callback = HeadroomCallback()
    assert copy.deepcopy({"callbacks": [callback]})["callbacks"][0] is callback


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"min_tokens": -1}, ValueError),
        ({"model_limit": 0}, ValueError),
        ({"on_cloud_error": "retry"}, ValueError),
        ({"level": "max"}, ValueError),
        ({"target_ratio": 2.0}, ValueError),
        ({"levle": "lossless"}, TypeError),
        ({"config": {"level": "lossless"}}, TypeError),
    ],
)
def test_wrong_settings_are_told(wrong: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        HeadroomCallback(**wrong)
