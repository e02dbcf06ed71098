"""Transparent retrieval in LiteLLM: the tool is added, the model's calls to it are answered inside the call.

- **Which calls.** LiteLLM runs a callback's tool loop in asynchronous calls, from 1.92; it can buffer a stream
  for one from 1.100. What the installed version can do is looked up, not assumed.
- **Decided once.** Tools stand first in a provider's cached prefix, so whether a conversation has the tool
  depends on nothing that changes while it goes on: the setting, the version, whether the call has tools of its
  own, and the messages up to the first turn's end (`Retrieval.decide`). No process remembers anything.
- **One answer.** The caller sees the last round's answer with the usage of all rounds. A turn that also calls
  the caller's tools goes to the caller, without our calls: the model asks again if it still wants to know.
- **Bounded.** At most `MAX_ROUNDS` rounds; only hashes of this very request; a call that was answered is not
  answered again. Whatever fails, our calls never reach the caller.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from litellm.integrations.custom_logger import CustomLogger

from headroom.compression import Origin, count_tokens
from headroom.integrations import workers
from headroom.integrations.engine import once
from headroom.integrations.litellm_calls import STATES, CallState, call_key, model_rows, rough_size, window_of
from headroom.integrations.litellm_turns import (
    Turn,
    add_usage,
    call_fingerprint,
    has_tool,
    member,
    tool_name,
    usage_of,
)
from headroom.tools import TOOL_NAME, Format, handle_tool_call, retrieve_tool

if TYPE_CHECKING:
    from headroom.integrations.engine import Engine

MAX_ROUNDS = 3
"""Answers within one call; LiteLLM's own bound. A model that needs more asks for ever."""

MAX_TOOLS = 128
"""OpenAI refuses requests with more definitions."""

FORMATS: Mapping[str, Format] = {
    "acompletion": "openai",
    "aresponses": "responses",
    "anthropic_messages": "anthropic",
    "aanthropic_messages": "anthropic",
}

FORGOTTEN = ("max_tokens", "api_key", "api_base")
USAGE = "headroom_usage"
AGAIN = f"{TOOL_NAME}: this was answered above; read it there"
LAST = f"{TOOL_NAME}: this was the last one for this answer; answer with what there is"


def _has_loop() -> bool:
    hooks = ("async_should_run_agentic_loop", "async_build_agentic_loop_plan", "async_post_agentic_loop_response_hook")
    if not all(hasattr(CustomLogger, name) for name in hooks):
        return False
    try:
        from litellm.litellm_core_utils.chat_completion_agentic_loop import maybe_run_chat_completion_agentic_loop
        from litellm.llms.custom_httpx.llm_http_handler import BaseLLMHTTPHandler
    except ImportError:
        return False
    plans = ("_execute_anthropic_agentic_plan", "_execute_responses_agentic_plan")
    return callable(maybe_run_chat_completion_agentic_loop) and all(hasattr(BaseLLMHTTPHandler, p) for p in plans)


def _stream_key() -> str | None:
    try:
        from litellm.llms.custom_httpx.llm_http_handler import BaseLLMHTTPHandler
        from litellm.types.integrations.custom_logger import HEADROOM_CONVERTED_STREAM_KEY
    except ImportError:
        return None
    # Anthropic's own streams are held back instead, for tools that a callback says it answers.
    return HEADROOM_CONVERTED_STREAM_KEY if hasattr(BaseLLMHTTPHandler, "_server_fulfilled_tools_in_request") else None


HAS_LOOP = _has_loop()
STREAM_KEY = _stream_key() if HAS_LOOP else None


def _has_bridged_streams() -> bool:
    try:
        from litellm.types.integrations import custom_logger
    except ImportError:
        return False
    return hasattr(custom_logger, "CONVERTED_STREAM_KEYS")


HAS_BRIDGED_STREAMS = STREAM_KEY is not None and _has_bridged_streams()
"""Whether a buffered answer stays a stream behind the bridge from Anthropic messages; on 1.100 it got lost."""

_injected: ContextVar[bool] = ContextVar("headroom_injected", default=False)


@dataclass
class Issued:
    """What one call gave to the model.

    Attributes:
        by: the callback that added the tool.
        origins: the hashes in its messages, and where each comes from.
        tool_tokens: tokens of the tool's definition.
        forgotten: arguments that LiteLLM does not hand on between rounds of Anthropic messages: the bound of the
            answer, and on some older versions where the provider is.
        is_remote: a service compressed, and keeps the originals.
        room_tokens: what the answers may take together, so that the request still fits the model's window.
        compressed_with: arguments of the compression, for messages that LiteLLM hands back as they came.
        answered: what was asked for already in this call.
    """

    by: object
    origins: dict[str, Origin] = field(default_factory=dict)
    tool_tokens: int = 0
    forgotten: dict[str, Any] = field(default_factory=dict, repr=False)
    is_remote: bool = False
    room_tokens: int = 0
    compressed_with: tuple[Any, ...] | None = None
    answered: set[str] = field(default_factory=set)


class RetrievingLogger(CustomLogger):
    """The callback's side of LiteLLM's tool loop."""

    _engine: Engine

    @property
    def server_fulfilled_tool_names(self) -> frozenset[str]:
        """Tools whose calls LiteLLM must not stream to the caller: ours, if we gave it."""
        return frozenset({TOOL_NAME}) if _injected.get() else frozenset()

    # Before the call.

    async def _give_tool(self, key: str, name: str, kwargs: dict[str, Any]) -> dict[str, Any] | None:
        """New arguments with the tool in them, or `None`. Notes in the call's state what was decided."""
        state = STATES.get(key)
        depth = kwargs.get("_agentic_loop_depth")
        state.in_loop = bool(depth)
        _injected.set(False)
        if state.in_loop:
            _injected.set(state.issued is not None)
            return None
        if state.issued is not None and has_tool(kwargs.get("tools")):
            # A bridge sends on what an outer call was given, or another callback was first. Only the stream is
            # left to see to.
            _injected.set(True)
            return _buffered(kwargs) if kwargs.get("stream") and name not in _ANTHROPIC else None
        state.issued = None
        if state.excluded or state.bypass or not await self._decide(name, kwargs):
            return None
        tool = retrieve_tool(FORMATS[name])
        model = _model(kwargs)
        forgotten = {name: kwargs[name] for name in FORGOTTEN if kwargs.get(name) is not None}
        state.issued = Issued(self, tool_tokens=tool_tokens(tool, model), forgotten=forgotten)
        _injected.set(True)
        new = {**kwargs, "tools": [*(kwargs.get("tools") or ()), tool]}
        return _buffered(new) if new.get("stream") and name not in _ANTHROPIC else new

    async def _decide(self, name: str, kwargs: Mapping[str, Any]) -> bool:
        """Whether the conversation has the tool: the same answer for each of its requests, in any process."""
        ccr = self._engine.settings.ccr
        if ccr is False or not HAS_LOOP or name not in FORMATS or not can_loop(kwargs):
            return False
        if kwargs.get("stream") and (ccr is not True or not can_buffer(name)):
            return False
        model, provider = _model(kwargs), kwargs.get("custom_llm_provider")
        provider = provider if isinstance(provider, str) else None
        able = [row.get("supports_function_calling") for row in model_rows(model, provider)]
        if False in able:
            return False
        if ccr is True or kwargs.get("tools"):
            return True
        # No tools: a question with its material. The tool comes where the first turn pays for it.
        if True not in able or self._engine.cloud is not None:
            return False
        rows = kwargs.get("input" if name == "aresponses" else "messages")
        rows = rows or getattr(kwargs.get("litellm_logging_obj"), "messages", None)
        rows = [{"role": "user", "content": rows}] if isinstance(rows, str) else rows
        if not isinstance(rows, list) or kwargs.get("previous_response_id"):
            return False
        first = rows[: next((i for i, row in enumerate(rows) if is_the_models(row)), len(rows))]
        info = kwargs.get("model_info")
        window = window_of(model, provider, info if isinstance(info, Mapping) else None)
        room = kwargs.get("max_output_tokens") or kwargs.get("max_completion_tokens") or kwargs.get("max_tokens")
        tool = retrieve_tool(FORMATS[name])
        done = await workers.run(
            rough_size(first), self._engine.compress, first, model, window, [tool], room, True, is_trial=True
        )
        return bool(done.origins) and done.outcome.tokens_saved > tool_tokens(tool, model)

    # After it.

    async def async_should_run_agentic_loop(
        self,
        response: Any,
        model: str,
        messages: Any,
        tools: Any,
        stream: bool,
        custom_llm_provider: str,
        kwargs: dict[str, Any],
    ) -> tuple[bool, dict[str, Any]]:
        """LiteLLM asks whether a response is ours to continue."""
        _, issued = self._issued(kwargs.get("litellm_logging_obj"), kwargs)
        if issued is None:
            return False, {}
        turn = Turn(response)
        turn.hide_tool()
        if not turn.ours:
            return False, {}
        depth = _whole(kwargs.get("_agentic_loop_depth"), 0)
        if turn.others or depth >= min(MAX_ROUNDS, _whole(kwargs.get("max_agentic_loops"), MAX_ROUNDS)):
            self._engine.ledger.event("retrieval beside other calls" if turn.others else "retrieval: too many rounds")
            if not stream:
                turn.drop_ours()
                return False, {}
        # The round makes each request to go on different from the last, so LiteLLM's own check for repetition,
        # which raises on some versions, leaves that to us.
        return True, {"tool_calls": [{"id": block["id"]} for block in turn.as_blocks()], "round": depth}

    async def async_build_agentic_loop_plan(
        self,
        tools: Any,
        model: str,
        messages: Any,
        response: Any,
        anthropic_messages_provider_config: Any,
        anthropic_messages_optional_request_params: Any,
        logging_obj: Any,
        stream: bool,
        kwargs: dict[str, Any],
    ) -> Any:
        """Answers the calls, and says how the request goes on."""
        from litellm.types.integrations.custom_logger import AgenticLoopPlan, AgenticLoopRequestPatch

        turn = Turn(response)
        try:
            state, issued = self._issued(logging_obj, kwargs)
            if state is not None and issued is not None and turn.ours and not turn.others:
                depth = _whole(kwargs.get("_agentic_loop_depth"), 0)
                answers = await self._answers(turn, issued, is_last=depth + 1 >= MAX_ROUNDS)
                optional: dict[str, Any] = {}
                forgotten: dict[str, Any] = {}
                if turn.dialect == "anthropic":
                    optional["stream"] = False
                    forgotten = dict(issued.forgotten)
                elif "tool_choice" in anthropic_messages_optional_request_params:
                    optional["tool_choice"] = anthropic_messages_optional_request_params["tool_choice"]
                patch = AgenticLoopRequestPatch(
                    messages=[*await self._as_sent(state, issued, messages), *turn.exchange(answers)],
                    max_tokens=forgotten.pop("max_tokens", None),
                    optional_params=optional,
                    kwargs=forgotten,
                )
                plan = AgenticLoopPlan(run_agentic_loop=True, request_patch=patch, metadata={USAGE: usage_of(response)})
                # Where the next round fails, some versions return this response after all.
                turn.drop_ours()
                return plan
        except Exception as error:  # noqa: BLE001  # the caller must get an answer whatever happens here
            kind = type(error).__name__
            self._engine.ledger.event("retrieval failed: " + kind)
            once.warn(f"retrieval:{kind}", "a retrieval failed (%s); the answer goes out without it", kind)
        turn.drop_ours()
        return AgenticLoopPlan(response_override=response if stream else None)

    async def async_post_agentic_loop_response_hook(self, response: Any, plan: Any, kwargs: dict[str, Any]) -> Any:
        """The next round's response: the usage of this round is added to it."""
        metadata = getattr(plan, "metadata", None)
        add_usage(response, metadata.get(USAGE) if isinstance(metadata, dict) else None)
        return response

    async def async_post_call_success_deployment_hook(self, request_data: Any, response: Any, call_type: Any) -> Any:
        """A reply that repeats the tools of its request repeats the caller's, not ours."""
        _, issued = self._issued(request_data.get("litellm_logging_obj"), request_data)
        if issued is not None:
            Turn(response).hide_tool()
        return response

    def _issued(self, log: Any, kwargs: Mapping[str, Any]) -> tuple[CallState | None, Issued | None]:
        state = STATES.find(call_key(log) if log is not None else kwargs.get("litellm_call_id"))
        issued = state.issued if state is not None else None
        return (state, issued) if issued is not None and issued.by is self else (None, None)

    async def _answers(self, turn: Turn, issued: Issued, is_last: bool) -> list[str]:
        blocks = turn.as_blocks()
        answers = []
        for block in blocks:
            mark = call_fingerprint(block)
            if mark in issued.answered:
                answers.append(AGAIN)
                continue
            issued.answered.add(mark)
            # A thread: the store may be a server, and a query is answered by the core.
            answers.append(await asyncio.to_thread(self._answer, block, issued))
        if is_last:
            answers[-1] = f"{answers[-1]}\n{LAST}"
        return answers

    def _answer(self, block: dict[str, Any], issued: Issued) -> str:
        if issued.is_remote:
            text, hash_ = self._engine.retrieve_remote(block["input"], issued.origins)
            is_error = hash_ is None
        else:
            config = self._engine.settings.config
            store = None if config.store is False else config.store
            answer = handle_tool_call(block, store=store, owner=config.owner, issued=issued.origins)
            text, is_error = str(answer["content"]), bool(answer.get("is_error"))
            hash_ = next((h for h in issued.origins if h in str(block["input"]).lower()), None)
        self._engine.ledger.retrieved(issued.origins.get(hash_ or ""), is_error)
        model = str(issued.compressed_with[0]) if issued.compressed_with else ""
        tokens = count_tokens(text, model)
        if tokens > issued.room_tokens and not is_error:
            lines = text.count("\n") + 1
            return f"{TOOL_NAME}: {tokens} tokens in {lines} lines do not fit here; ask with a query or for fewer lines"
        issued.room_tokens -= tokens
        return text

    async def _as_sent(self, state: CallState, issued: Issued, messages: Any) -> list[Any]:
        """The messages as the model saw them; some versions hand back the caller's."""
        if state.in_loop or issued.compressed_with is None or state.has_own(messages):
            return list(messages)
        model, window, tools, room = issued.compressed_with
        done = await workers.run(
            rough_size(messages), self._engine.compress, messages, model, window, tools, room, True, is_trial=True
        )
        return list(messages if done.messages is None else done.messages)


_ANTHROPIC = ("anthropic_messages", "aanthropic_messages")


def _model(kwargs: Mapping[str, Any]) -> str:
    """The model's name; a positional one is known to the logging object only."""
    return str(kwargs.get("model") or getattr(kwargs.get("litellm_logging_obj"), "model", None) or "")


def _buffered(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments of a call that LiteLLM answers at once and replays as the stream that was asked for."""
    if STREAM_KEY is None:
        return kwargs
    new = {name: value for name, value in kwargs.items() if name != "stream_options"}
    if kwargs.get("stream_options") is not None:
        new[STREAM_KEY.replace("converted_stream", "stream_options")] = kwargs["stream_options"]
    return {**new, "stream": False, STREAM_KEY: True}


def can_buffer(name: str) -> bool:
    """Whether this LiteLLM can buffer streams of this call type for a callback."""
    return HAS_BRIDGED_STREAMS if name in _ANTHROPIC else STREAM_KEY is not None


def can_loop(kwargs: Mapping[str, Any]) -> bool:
    """False for requests that a loop would change, or whose tools are not for us to add to."""
    tools = kwargs.get("tools") or []
    if not isinstance(tools, list) or len(tools) >= MAX_TOOLS or any(tool_name(t) == TOOL_NAME for t in tools):
        return False
    if kwargs.get("functions") or kwargs.get("fallbacks") or kwargs.get("mock_response") is not None:
        # With `fallbacks` this call only hands on to others, which come here by themselves.
        return False
    if not any(is_function(tool) for tool in tools):
        # Some providers take functions neither beside tools of their own nor beside a format for the answer.
        text = kwargs.get("text")
        formats = (
            kwargs.get("response_format")
            or kwargs.get("text_format")
            or (text.get("format") if isinstance(text, dict) else text)
        )
        if tools or formats or kwargs.get("web_search_options"):
            return False
    if kwargs.get("conversation") or kwargs.get("background"):
        # The provider keeps the conversation: a round more would be in it twice, or come later.
        return False
    return _whole(kwargs.get("n"), 1) == 1 and _whole(kwargs.get("max_agentic_loops"), MAX_ROUNDS) > 0


def is_function(tool: Any) -> bool:
    """Whether the caller itself answers calls of this tool, in any dialect."""
    if not isinstance(tool, dict):
        return tool_name(tool) is not None
    return tool.get("type") == "function" or "input_schema" in tool


def is_the_models(row: Any) -> bool:
    """Whether the model produced this message or item; the first one ends the first turn."""
    role = member(row, "role")
    if role is not None:
        return bool(role == "assistant")
    kind = str(member(row, "type") or "")
    return kind == "reasoning" or kind.endswith("_call")


def tool_tokens(tool: Any, model: str) -> int:
    """Tokens of the tool's definition, as the other definitions are counted."""
    import json

    return count_tokens(json.dumps(tool, ensure_ascii=False), model)


def _whole(value: Any, default: int) -> int:
    try:
        return default if value is None else int(value)
    except (TypeError, ValueError):
        return default
