"""`HeadroomCallback`: compresses every chat call that goes through LiteLLM.

Which of LiteLLM's layers does the work for which call:

- completion, acompletion (plain, streaming, batch, Router, bridged): the prompt-management seam.
- aresponses, anthropic_messages (and responses on new versions): `async_pre_call_deployment_hook`.
- responses, synchronous: `log_pre_api_call`, rebinding `input` of the body that is about to be sent.
- the proxy's `async_pre_call_hook` only notes the request (bypass header); the layers above compress.

A request that passes several of them is compressed once (`litellm_calls`). Compression runs in worker
threads, never on an event loop. Nothing raises out of a hook. Whether the model can fetch what was left
out, and how its calls are answered, is in `litellm_retrieval`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import litellm

from headroom.compression import CompressConfig
from headroom.integrations import litellm_proxy, litellm_seam, workers
from headroom.integrations.engine import Engine, once
from headroom.integrations.ledger import Outcome
from headroom.integrations.litellm_calls import (
    STATES,
    CallState,
    call_key,
    fingerprint,
    own_texts,
    rough_size,
    say_what_is_missing,
    window_of,
)
from headroom.integrations.litellm_retrieval import RetrievingLogger
from headroom.integrations.litellm_seam import SeamCall
from headroom.integrations.litellm_turns import is_redeemed_by_the_caller
from headroom.integrations.settings import (
    DEFAULT_CLOUD_TIMEOUT_S,
    DEFAULT_MIN_TOKENS,
    DEFAULT_MODEL_LIMIT,
    Ccr,
    OnCloudError,
    Settings,
)
from headroom.stores import Store

SEAM_TYPES = frozenset({"completion", "acompletion"})
# Completions that a bridge makes on behalf of these calls meet the seam under the outer call's type.
TEXT_TYPES = frozenset({"text_completion", "atext_completion"})


class HeadroomCallback(RetrievingLogger):
    """Add one to `litellm.callbacks` and every chat call is compressed before it is sent.

        litellm.callbacks = [HeadroomCallback()]

    Args:
        min_tokens: calls with fewer tokens go out as they came.
        model_limit: context window in tokens; the model's known window counts where it is smaller.
        api_key: key of a Headroom service (or HEADROOM_API_KEY).
        api_url: the service (or HEADROOM_API_URL). Without one, compression is local.
        config: options of the compression; `config_fields` are the same options as keywords, and win.
        call_types: only these calls, for example `["completion", "acompletion"]`. Default: completions,
            responses and Anthropic messages, synchronous or not.
        on_cloud_error: "local" (compress here) or "original" (send what came) when the service fails.
        cloud_timeout_s: longest time one request to the service may take.
        ccr: whether the model gets the tool `headroom_retrieve`, whose calls are answered inside the call.
            "auto": in asynchronous calls that do not stream, where they have tools of their own or the first
            turn's saving pays for it. True: in every asynchronous call; streams are buffered for it.
            False: never. LiteLLM 1.92 and newer; elsewhere, and in synchronous calls, there is no tool.
        store: where what was left out is kept for it: a store or its URL (`memory://`, `sqlite:///path`,
            `redis://host`). Default: HEADROOM_STORE, else this process's memory.

    Raises:
        ValueError: a setting with a value that is not allowed.
        TypeError: an unknown option.
    """

    def __init__(
        self,
        min_tokens: int = DEFAULT_MIN_TOKENS,
        model_limit: int = DEFAULT_MODEL_LIMIT,
        api_key: str | None = None,
        api_url: str | None = None,
        config: CompressConfig | None = None,
        *,
        call_types: Iterable[str] | None = None,
        on_cloud_error: OnCloudError = "local",
        cloud_timeout_s: float = DEFAULT_CLOUD_TIMEOUT_S,
        ccr: Ccr = "auto",
        store: Store | str | None = None,
        **config_fields: Any,
    ) -> None:
        super().__init__()
        if store is not None:
            config_fields["store"] = store
        self.settings = Settings.make(
            min_tokens,
            model_limit,
            api_key,
            api_url,
            config,
            config_fields,
            call_types,
            on_cloud_error,
            cloud_timeout_s,
            ccr,
        )
        self._engine = Engine(self.settings)
        self._was_global = False
        self._has_seam = litellm_seam.install(_registered)
        say_what_is_missing(self._has_seam)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # The proxy only calls hooks that stand in the namespace of the callback's own class.
        for name in litellm_proxy.OWN_NAMESPACE:
            if name not in cls.__dict__ and (hook := getattr(cls, name, None)) is not None:
                setattr(cls, name, hook)

    def __deepcopy__(self, memo: dict[int, Any]) -> HeadroomCallback:
        # LiteLLM copies call arguments, and a callback may be one of them.
        return self

    def __copy__(self) -> HeadroomCallback:
        return self

    def __repr__(self) -> str:
        settings = self.settings
        return f"HeadroomCallback(min_tokens={settings.min_tokens}, model_limit={settings.model_limit})"

    @property
    def total_tokens_saved(self) -> int:
        """Tokens removed from calls that were sent, each call once; failed calls and cache hits excluded."""
        return self._engine.ledger.tokens_saved

    def stats(self) -> dict[str, Any]:
        """Counts so far: `calls`, `compressed`, `skipped` by reason, `failed`, tokens, seconds and `retrievals`."""
        return self._engine.ledger.stats()

    async def aclose(self) -> None:
        """Closes idle connections to a service, if there are any. Need not be called; the callback can be used on."""
        if self._engine.cloud is not None:
            self._engine.cloud.close()

    # The work: one function for all layers.

    def _work(self, key: str, messages: Any, model: str, provider: Any, info: Any, tools: Any, max_tokens: Any) -> Any:
        """The messages to send: new ones, or those given. Runs in a worker thread; never raises."""
        try:
            state = STATES.get(key)
            if state.excluded or state.in_loop:
                return messages
            if state.bypass:
                self._count(key, state, Outcome("skipped", "bypass"))
                return messages
            mark = fingerprint(messages)
            if state.kept == mark or state.has_own(messages):
                # Another layer has seen this call, or a retry goes out with what we made of it.
                if state.outcome is not None:
                    self._engine.ledger.put(key, state.outcome)
                return messages
            is_text = isinstance(messages, str)
            rows = [{"role": "user", "content": messages}] if is_text else messages
            if not isinstance(rows, list):
                self._count(key, state, Outcome("skipped", "no list of messages"))
                return messages
            window = window_of(
                model,
                provider if isinstance(provider, str) else None,
                info if isinstance(info, Mapping) else None,
            )
            issued = state.issued if state.issued is not None and state.issued.by is self else None
            can_fetch = issued is not None or is_redeemed_by_the_caller(tools)
            tool_tokens = issued.tool_tokens if issued is not None else 0
            done = self._engine.compress(rows, model, window, tools, max_tokens, can_fetch, tool_tokens)
            if issued is not None:
                issued.origins, issued.is_remote = done.origins, done.is_remote
                issued.room_tokens = done.room_tokens
                issued.compressed_with = (model, window, tools, max_tokens)
            self._count(key, state, done.outcome)
            if done.messages is None:
                state.kept = mark
                return messages
            state.own |= own_texts(rows, done.messages)
            return done.messages[0]["content"] if is_text else done.messages
        except Exception as error:  # noqa: BLE001  # the call must go out whatever happens here
            kind = type(error).__name__
            once.warn(f"work:{kind}", "compression failed (%s); the call goes out as it came", kind)
            self._engine.ledger.put(key, Outcome("failed", kind))
            return messages

    def _count(self, key: str, state: CallState, outcome: Outcome) -> None:
        state.outcome = outcome
        self._engine.ledger.put(key, outcome)

    # Layer: the seam (completion and acompletion, whatever the provider).

    def wants(self, log: Any) -> bool:
        """True if the seam should serve the call of this logging object."""
        call_type = str(getattr(log, "call_type", ""))
        return call_type not in TEXT_TYPES and (call_type in self.settings.call_types or call_type == "")

    def at_seam(self, call: SeamCall, model: str, messages: Any) -> Any:
        """The messages a synchronous completion sends."""
        args = (
            call_key(call.log),
            messages,
            model,
            call.provider,
            call.model_info,
            call.tools,
            call.max_tokens,
        )
        return workers.run_blocking(rough_size(messages), self._work, *args)

    async def at_async_seam(self, call: SeamCall, model: str, messages: Any) -> Any:
        """The messages an asynchronous completion sends."""
        args = (
            call_key(call.log),
            messages,
            model,
            call.provider,
            call.model_info,
            call.tools,
            call.max_tokens,
        )
        return await workers.run(rough_size(messages), self._work, *args)

    # Layer: the deployment hook (aresponses, anthropic_messages; completions where there is no seam).

    async def async_pre_call_deployment_hook(self, kwargs: dict[str, Any], call_type: Any) -> dict[str, Any] | None:
        """Called for every asynchronous call; returns new keyword arguments, or `None` to leave them."""
        name = str(getattr(call_type, "value", call_type))
        key = call_key(kwargs.get("litellm_logging_obj")) if kwargs.get("litellm_logging_obj") else None
        key = key or kwargs.get("litellm_call_id")
        if not isinstance(key, str):
            return None
        if name not in self.settings.call_types:
            if not (name in SEAM_TYPES and self._has_seam):
                STATES.get(key).excluded = True
            return None
        with_tool = await self._give_tool(key, name, kwargs)
        if (name in SEAM_TYPES and self._has_seam) or STATES.get(key).in_loop:
            return with_tool
        kwargs = with_tool or kwargs
        field = "input" if name.endswith("responses") else "messages"
        given = kwargs.get(field)
        if not given:
            return with_tool
        tools = kwargs.get("tools")
        room = kwargs.get("max_output_tokens") or kwargs.get("max_completion_tokens") or kwargs.get("max_tokens")
        model, provider = str(kwargs.get("model") or ""), kwargs.get("custom_llm_provider")
        args = (key, given, model, provider, kwargs.get("model_info"), tools, room)
        new = await workers.run(rough_size(given), self._work, *args)
        return with_tool if new is given else {**kwargs, field: new}

    # Layer: just before the body is serialised (synchronous responses).

    def log_pre_api_call(self, model: Any, messages: Any, kwargs: Any) -> None:
        """Rebinds the messages of the body that is about to be sent, where no earlier layer could."""
        try:
            key = kwargs.get("litellm_call_id")
            call_type = str(kwargs.get("call_type", ""))
            litellm_proxy.note_savings(STATES.find(key), kwargs)
            if call_type not in self.settings.call_types or call_type.startswith("a") or not isinstance(key, str):
                return
            if call_type in SEAM_TYPES and self._has_seam:
                return
            body = (kwargs.get("additional_args") or {}).get("complete_input_dict")
            if not isinstance(body, dict):
                return
            field = next((name for name in ("input", "messages") if body.get(name)), None)
            if field is None:
                return
            tools, room = body.get("tools"), body.get("max_output_tokens") or body.get("max_tokens")
            args = (key, body[field], str(model), kwargs.get("custom_llm_provider"), None, tools, room)
            body[field] = workers.run_blocking(rough_size(body[field]), self._work, *args)
        except Exception as error:  # noqa: BLE001  # a logging hook must not disturb the call
            once.warn("pre-call", "could not compress before the call (%s)", type(error).__name__)

    # What became of the call.

    def _succeeded(self, kwargs: Any) -> None:
        key = kwargs.get("litellm_call_id")
        if isinstance(key, str):
            if kwargs.get("cache_hit"):
                self._engine.ledger.revert(key)
            else:
                self._engine.ledger.close(key)

    def _failed(self, kwargs: Any) -> None:
        key = kwargs.get("litellm_call_id")
        if isinstance(key, str):
            self._engine.ledger.revert(key)

    def log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """The call is done: its count is final (or taken back, if a cache answered)."""
        self._succeeded(kwargs)

    async def async_log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """As `log_success_event`."""
        self._succeeded(kwargs)

    def log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """The attempt failed: nothing was saved by it."""
        self._failed(kwargs)

    async def async_log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """As `log_failure_event`."""
        self._failed(kwargs)

    # The proxy.

    async def async_pre_call_hook(self, user_api_key_dict: Any, cache: Any, data: Any, call_type: Any) -> None:
        """The proxy's first hook: notes the request and its bypass header."""
        litellm_proxy.note_request(data)

    async def async_post_call_response_headers_hook(
        self, data: Any, user_api_key_dict: Any, response: Any, *args: Any, **kwargs: Any
    ) -> dict[str, str] | None:
        """`x-headroom-*` headers of a compressed call (LiteLLM 1.83 and newer)."""
        return litellm_proxy.headers_of(data)

    if not litellm_proxy.HAS_HEADERS_HOOK:

        async def async_post_call_success_hook(self, data: Any, user_api_key_dict: Any, response: Any) -> Any:
            """The same headers on older versions, where a response without streaming can carry them."""
            litellm_proxy.put_headers(response, data)
            return response


def _registered(log: Any) -> list[litellm_seam.SeamHandler]:
    """Our callbacks that take part in a call: global ones, and those given with the call itself."""
    found: list[litellm_seam.SeamHandler] = []
    for callback in litellm.callbacks:
        if isinstance(callback, HeadroomCallback) and callback not in found:
            callback._was_global = True
            found.append(callback)
    for name in ("dynamic_input_callbacks", "dynamic_success_callbacks", "dynamic_async_success_callbacks"):
        for callback in getattr(log, name, None) or ():
            if isinstance(callback, HeadroomCallback) and callback not in found:
                found.append(callback)
    for callback in litellm.input_callback:
        # LiteLLM keeps global callbacks in this list after they were taken out of `litellm.callbacks`.
        if isinstance(callback, HeadroomCallback) and not callback._was_global and callback not in found:
            found.append(callback)
    return found
