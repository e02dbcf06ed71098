"""The seam of LiteLLM that every chat call passes before its body is made: prompt management.

No public hook reaches the synchronous path of providers whose bodies are signed (Bedrock, SageMaker),
nor messages given as a positional argument. `Logging.should_run_prompt_management_hooks` and
`get_chat_completion_prompt` (and its async twin) are asked by `litellm.main` for every completion, sync
or not, whatever the provider. They are wrapped once per process; the wrap does nothing unless one of
our callbacks is registered and the caller is `litellm.main`, and it lets other prompt managers go first.
"""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Protocol

logger = logging.getLogger("headroom.integrations")

# Also responses(), the router and the proxy ask; they are served by other hooks (responses() would
# lose function_call items here on 1.85).
CALLER = "litellm.main"
_FLAG = "_headroom_seam"
_ASKED = "_headroom_asked"
_ARGUMENTS = "_headroom_arguments"
_WANTED = ("tools", "functions", "max_tokens", "max_completion_tokens", "custom_llm_provider", "model_info")
_NAMES = (
    "should_run_prompt_management_hooks",
    "get_chat_completion_prompt",
    "async_get_chat_completion_prompt",
)


class SeamCall:
    """What the seam knows of a call: the logging object and some of the call's arguments."""

    def __init__(self, log: Any, kwargs: dict[str, Any]) -> None:
        # The caller's frame knows them all, but reading its f_locals refreshes the dict that LiteLLM
        # itself took with locals() and hands on to fallbacks.
        given: dict[str, Any] = log.__dict__.get(_ARGUMENTS) or {}
        rest = kwargs.get("non_default_params")
        if isinstance(rest, dict):
            given = {**given, **{k: v for k, v in rest.items() if k in _WANTED}}
        self.log = log
        self.tools = kwargs.get("tools") or given.get("tools") or given.get("functions")
        self.max_tokens = given.get("max_completion_tokens") or given.get("max_tokens")
        self.provider = given.get("custom_llm_provider")
        self.model_info = given.get("model_info")


class SeamHandler(Protocol):
    """The callback's side of the seam."""

    def wants(self, log: Any) -> bool: ...

    def at_seam(self, call: SeamCall, model: str, messages: Any) -> Any: ...

    async def at_async_seam(self, call: SeamCall, model: str, messages: Any) -> Any: ...


def install(handlers: Callable[[Any], list[SeamHandler]]) -> bool:
    """Wraps the seam unless that was done. False if this LiteLLM has no such seam.

    Args:
        handlers: given a logging object, the registered callbacks that take part in its call.
    """
    from litellm.litellm_core_utils.litellm_logging import Logging

    if getattr(Logging, _FLAG, False):
        return True
    if not all(callable(getattr(Logging, name, None)) for name in _NAMES):
        return False
    cls: Any = Logging
    ask, get, get_async = (getattr(cls, name) for name in _NAMES)

    make = cls.__init__

    @functools.wraps(make)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        given = kwargs.get("kwargs")
        if isinstance(given, dict):
            self.__dict__[_ARGUMENTS] = {k: given[k] for k in _WANTED if given.get(k) is not None}

    def taking_part(log: Any, frame: FrameType) -> list[SeamHandler]:
        if frame.f_globals.get("__name__") != CALLER:
            return []
        try:
            return [h for h in handlers(log) if h.wants(log)]
        except Exception as error:  # noqa: BLE001  # a call must not fail because of us
            logger.warning("the LiteLLM seam is not usable (%s)", type(error).__name__)
            return []

    @functools.wraps(ask)
    def should_run(self: Any, *args: Any, **kwargs: Any) -> bool:
        asked = bool(ask(self, *args, **kwargs))
        self.__dict__[_ASKED] = asked
        if not asked and kwargs.get("tools") == []:
            # acompletion drops an empty list of tools if any manager ran; completion, which it calls
            # next, does not.
            return False
        return asked or bool(taking_part(self, sys._getframe(1)))

    @functools.wraps(get)
    def get_prompt(self: Any, *args: Any, **kwargs: Any) -> Any:
        asked = self.__dict__.pop(_ASKED, True)
        parts = taking_part(self, sys._getframe(1))
        if asked or "messages" not in kwargs or "model" not in kwargs:
            result = get(self, *args, **kwargs)
        else:
            result = (kwargs["model"], kwargs["messages"], kwargs.get("non_default_params"))
        if not parts:
            return result
        model, messages, rest = result
        call = SeamCall(self, kwargs)
        for part in parts:
            messages = part.at_seam(call, model, messages)
        return model, messages, rest

    @functools.wraps(get_async)
    async def run_async(self: Any, call: SeamCall, asked: bool, parts: Any, args: Any, kwargs: Any) -> Any:
        if asked:
            result = await get_async(self, *args, **kwargs)
        else:
            result = (kwargs["model"], kwargs["messages"], kwargs.get("non_default_params"))
        model, messages, rest = result
        for part in parts:
            messages = await part.at_async_seam(call, model, messages)
        return model, messages, rest

    # Not a coroutine function itself: the caller's frame is known when it is called.
    @functools.wraps(get_async)
    def get_prompt_async(self: Any, *args: Any, **kwargs: Any) -> Any:
        asked = self.__dict__.pop(_ASKED, True) or "messages" not in kwargs or "model" not in kwargs
        parts = taking_part(self, sys._getframe(1))
        if asked and not parts:
            return get_async(self, *args, **kwargs)
        return run_async(self, SeamCall(self, kwargs), asked, parts, args, kwargs)

    cls.__init__ = init
    cls.should_run_prompt_management_hooks = should_run
    cls.get_chat_completion_prompt = get_prompt
    cls.async_get_chat_completion_prompt = get_prompt_async
    setattr(cls, _FLAG, True)
    return True
