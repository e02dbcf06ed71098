"""Compresses the messages of one call for an integration: here, or at a Headroom service. Never raises.

An integration fails open: whatever goes wrong, the call goes out as it came, and the reason (the
kind of error, never content) is logged once per kind and counted.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from headroom.compression import CompressConfig, Origin, compress, count_tokens
from headroom.errors import HeadroomError
from headroom.integrations.cloud_client import CloudClient, CloudError
from headroom.integrations.cloud_reply import check_reply
from headroom.integrations.ledger import Ledger, Outcome
from headroom.integrations.settings import Settings
from headroom.policies import load_policy
from headroom.tools import TOOL_NAME

logger = logging.getLogger("headroom.integrations")

# Whatever a caller asks to leave free (tools, answer), compression works for at least this many tokens.
MIN_LIMIT = 1024

BELOW_MIN = "below min_tokens"
NOTHING = "nothing to compress"
NEVER = 1 << 62
# As services write them.
HASH = re.compile(r"[0-9a-f]{12,24}\Z")


@dataclass(frozen=True)
class Done:
    """New messages (`None`: send what came) and what to count.

    Attributes:
        origins: the hashes in the new messages, and where what they stand for comes from.
        is_remote: a service compressed, and keeps the originals.
        room_tokens: what still fits into the window beside messages, tools and answer.
    """

    messages: list[Any] | None
    outcome: Outcome
    origins: dict[str, Origin] = field(default_factory=dict)
    is_remote: bool = False
    room_tokens: int = 0


class Once:
    """Says each kind of thing once per process, at warning level; again at debug level."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said: set[str] = set()

    def warn(self, kind: str, message: str, *args: object) -> None:
        with self._lock:
            first = kind not in self._said
            self._said.add(kind)
        logger.log(logging.WARNING if first else logging.DEBUG, message, *args)


once = Once()


class Engine:
    """Settings, the service if there is one, and the counts."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.ledger = Ledger()
        self.cloud = make_cloud(settings)

    def compress(
        self,
        messages: Sequence[Any],
        model: str,
        window: int | None = None,
        tools: Any = None,
        max_tokens: Any = None,
        retrieval: bool = False,
        tool_tokens: int = 0,
        *,
        is_trial: bool = False,
    ) -> Done:
        """Compresses messages of one call. Runs in the thread it is called in.

        Args:
            messages: as `headroom.compress` takes them; objects with `model_dump` are read through it.
            model: the model's name.
            window: the model's known context window in tokens, if known.
            tools: the call's tool definitions; their tokens are taken off the limit.
            max_tokens: what the call reserves for the answer; taken off the limit as well.
            retrieval: the model can fetch what is left out, so messages carry hashes.
            tool_tokens: tokens of the tool for that, where it was added to the call; counted as sent.
            is_trial: nothing will be sent as it is; originals are not kept.
        """
        start = time.perf_counter()
        try:
            if too_small(messages, self.settings.min_tokens):
                return Done(None, Outcome("skipped", BELOW_MIN, 0, tool_tokens))
            seen = [as_dict(m) for m in messages]
            limit = self._limit(model, window, tools, max_tokens)
            made = self._compress(seen, model, limit, retrieval, is_trial)
            new, before, after = made.messages, made.before, made.after
            seconds = time.perf_counter() - start
            if new is None or after >= before:
                reason = BELOW_MIN if before < self.settings.min_tokens else NOTHING
                return Done(None, Outcome("skipped", reason, before, before + tool_tokens, seconds))
            out = [m if v is s else v for m, s, v in zip(messages, seen, new, strict=True)]
            counted = Outcome("compressed", "", before, after + tool_tokens, seconds)
            return Done(out, counted, made.origins, made.is_remote, limit - after)
        except Exception as error:  # noqa: BLE001  # the call must go out whatever happens here
            kind = type(error).__name__
            once.warn(f"engine:{kind}", "compression failed (%s); the call goes out as it came", kind)
            return Done(None, Outcome("failed", kind, seconds=time.perf_counter() - start))

    def _compress(self, messages: list[Any], model: str, limit: int, retrieval: bool, is_trial: bool) -> _Made:
        if self.cloud is not None:
            try:
                return self._at_service(self.cloud, messages, model, limit, retrieval)
            except CloudError as error:
                self.ledger.event("cloud failed: " + error.kind)
                once.warn(
                    f"cloud:{error.kind}",
                    "the Headroom service failed (%s); %s",
                    error.kind,
                    "compressing here" if self.settings.on_cloud_error == "local" else "sending the original",
                )
                if self.settings.on_cloud_error == "original":
                    raise
        config = with_policy(self.settings.config, self.ledger)
        if retrieval:
            config = replace(config, retrieval=True, store=False if is_trial else config.store)
        result = compress(messages, model=model, model_limit=limit, config=config)
        return _Made(result.messages, result.tokens_before, result.tokens_after, result.origins)

    def _at_service(self, cloud: CloudClient, messages: list[Any], model: str, limit: int, retrieval: bool) -> _Made:
        before = count_messages(messages, model)
        if before < self.settings.min_tokens:
            return _Made(None, before, before)

        def check(reply: Any) -> tuple[list[Any], int, dict[str, Origin]]:
            new, changed = check_reply(messages, reply)
            return new, count_gain(changed, model), hashes_of(reply) if retrieval else {}

        request = {"messages": messages, "model": model, "model_limit": limit}
        new, saved, origins = cloud.compress(request, check)
        self.ledger.event("cloud ok")
        return _Made(new, before, before - saved, origins, is_remote=True)

    def retrieve_remote(self, given: Any, origins: Mapping[str, Origin]) -> tuple[str, str | None]:
        """What the service keeps under the hash that a model's call names, and the hash; `None` if it failed."""
        try:
            asked = json.loads(given) if isinstance(given, (str, bytes)) else given
            hash_, query = str(asked["hash"]).strip().lower(), asked.get("query")
        except (ValueError, TypeError, KeyError, AttributeError):
            return f'{TOOL_NAME}: the arguments must be a JSON object like {{"hash": "…"}}', None
        if hash_ not in origins or self.cloud is None:
            return f"{TOOL_NAME}: nothing is kept under this hash here; copy it from the mark", None
        try:
            return self.cloud.retrieve(hash_, query if isinstance(query, str) else None), hash_
        except CloudError as error:
            self.ledger.event("cloud failed: " + error.kind)
            return f"{TOOL_NAME}: the original is not available now", None

    def _limit(self, model: str, window: int | None, tools: Any, max_tokens: Any) -> int:
        limit = self.settings.model_limit
        if window is not None and 0 < window < limit:
            limit = window
        if tools:
            limit -= count_tokens(json.dumps(tools, default=str, ensure_ascii=False), model)
        if isinstance(max_tokens, int) and max_tokens > 0:
            limit -= max_tokens
        return max(limit, min(MIN_LIMIT, self.settings.model_limit))


@dataclass(frozen=True)
class _Made:
    """What a compression made, before it is compared with what came."""

    messages: list[Any] | None
    before: int
    after: int
    origins: dict[str, Origin] = field(default_factory=dict)
    is_remote: bool = False


def hashes_of(reply: Any) -> dict[str, Origin]:
    """The hashes that a service says can be redeemed. What they stand for, it does not say."""
    listed = reply.get("ccr_hashes")
    found = [h for h in listed if isinstance(h, str) and HASH.match(h)] if isinstance(listed, list) else []
    return dict.fromkeys(found, Origin(-1, "", ()))


def count_gain(changed: list[tuple[str, str]], model: str) -> int:
    """Tokens saved by replacing texts; a service's own figures are only claims.

    Raises:
        CloudError: one of the texts got longer.
    """
    saved = 0
    for old, new in changed:
        gain = count_tokens(old, model) - count_tokens(new, model)
        if gain < 0:
            raise CloudError("reply: a text got longer")
        saved += gain
    return saved


def make_cloud(settings: Settings) -> CloudClient | None:
    """The client of the service, or `None`, with a warning where a key cannot be used."""
    if not settings.api_key:
        return None
    if not settings.api_url:
        once.warn(
            "cloud:no url",
            "an API key is set but no URL (api_url or HEADROOM_API_URL): compressing here, nothing is sent",
        )
        return None
    return CloudClient(settings.api_url, settings.api_key, timeout_s=settings.cloud_timeout_s)


def with_policy(config: CompressConfig, ledger: Ledger) -> CompressConfig:
    """The options with their policy read, or without one that cannot be used: a call never fails for it."""
    if config.policy is None:
        return config
    try:
        return replace(config, policy=load_policy(config.policy))
    except HeadroomError as error:
        ledger.event("policy failed")
        # A policy is a document of the operator's; what is wrong in it may be said.
        once.warn(f"policy:{error}", "%s; compressing without a policy", error)
        return replace(config, policy=None)


def as_dict(message: Any) -> Any:
    """A message as the core reads it: LiteLLM's and OpenAI's own objects as dicts, others as they are."""
    dump = getattr(message, "model_dump", None)
    return dump(exclude_none=True) if dump is not None and not isinstance(message, dict) else message


def too_small(value: Any, min_tokens: int) -> bool:
    """True if the strings in `value` certainly have fewer than `min_tokens` tokens.

    A token has at least one byte, so the bytes are an upper bound. Stops as soon as they suffice.
    """
    left = min_tokens
    for text in strings(value):
        left -= len(text) if text.isascii() else 4 * len(text)
        if left <= 0:
            return False
    return min_tokens > 0


def strings(value: Any) -> Any:
    """Every string value in nested lists and dicts, in order, without recursion."""
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            yield node
        elif isinstance(node, dict):
            stack.extend(reversed(list(node.values())))
        elif isinstance(node, (list, tuple)):
            stack.extend(reversed(node))
        elif hasattr(node, "model_dump"):
            stack.append(as_dict(node))


def count_messages(messages: Sequence[Any], model: str) -> int:
    """Tokens of all messages, counted as `compress` counts them, without compressing anything."""
    return compress(messages, model=model, config=CompressConfig(min_tokens=NEVER)).tokens_before
