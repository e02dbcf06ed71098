"""What is known of one LiteLLM call while it passes through several hooks.

The same call can meet two or three layers (proxy hook, deployment hook, seam, pre-call log), a bridge
that sends it on in another shape, and retries under the same id. `CallStates` remembers, per call id,
which texts are our own, so that nothing is compressed twice. Bounded; holds hashes, never content.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import litellm
from litellm.integrations.custom_logger import CustomLogger

from headroom.integrations.engine import once, strings
from headroom.integrations.ledger import Outcome
from headroom.integrations.workers import SMALL_BYTES

if TYPE_CHECKING:
    from headroom.integrations.litellm_retrieval import Issued

OLDEST = "1.75"

MAX_CALLS = 4096
# Shorter strings of a compressed message (roles, ids) say nothing about where it comes from.
MIN_OWN_TEXT = 64


@dataclass
class CallState:
    """One call id.

    Attributes:
        own: hashes of the texts that compression put in.
        kept: fingerprint of messages that were looked at and left alone.
        outcome: what was counted for it last.
        excluded: its outer call is of a type that is not compressed.
        bypass: the client asked to leave it alone.
        is_proxied: it came through the LiteLLM proxy.
        issued: the model was given the retrieval tool, and these hashes.
        in_loop: a round that answers it is under way; its messages go out as they are.
    """

    own: set[int] = field(default_factory=set)
    kept: int | None = None
    outcome: Outcome | None = None
    excluded: bool = False
    bypass: bool = False
    is_proxied: bool = False
    issued: Issued | None = None
    in_loop: bool = False

    def has_own(self, messages: Any) -> bool:
        """True if compression put in one of the texts of `messages`."""
        return bool(self.own) and any(hash(text) in self.own for text in strings(messages))


class CallStates:
    """States of the latest calls, shared by all callbacks of a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: OrderedDict[str, CallState] = OrderedDict()

    def get(self, call_id: str) -> CallState:
        with self._lock:
            state = self._states.get(call_id)
            if state is None:
                state = self._states[call_id] = CallState()
                if len(self._states) > MAX_CALLS:
                    self._states.popitem(last=False)
            else:
                self._states.move_to_end(call_id)
            return state

    def find(self, call_id: Any) -> CallState | None:
        with self._lock:
            return self._states.get(call_id) if isinstance(call_id, str) else None

    def begin(self, call_id: str) -> CallState:
        """A fresh state: an id that a client chose may come again with another request."""
        with self._lock:
            self._states.pop(call_id, None)
        return self.get(call_id)


STATES = CallStates()


def own_texts(before: Iterable[Any], after: Iterable[Any]) -> set[int]:
    """Hashes of the texts in changed messages that were not there before."""
    own: set[int] = set()
    for old, new in zip(before, after, strict=True):
        if new is not old:
            was = {hash(s) for s in strings(old)}
            own |= {h for s in strings(new) if len(s) >= MIN_OWN_TEXT and (h := hash(s)) not in was}
    return own


def fingerprint(messages: Any) -> int:
    """A hash of all texts. Strings remember their hash, so a second look costs little."""
    return hash(tuple(hash(s) for s in strings(messages)))


def window_of(model: str, provider: str | None = None, info: Mapping[str, Any] | None = None) -> int | None:
    """Context window in tokens from LiteLLM's own table (or the deployment's `model_info`), if known.

    The table is read directly: `litellm.get_model_info` asks some servers over the network.
    """
    for row in (info or {}, *model_rows(model, provider)):
        size = row.get("max_input_tokens") or row.get("max_tokens")
        if isinstance(size, int) and size > 0:
            return size
    return None


def model_rows(model: str, provider: str | None) -> list[Mapping[str, Any]]:
    """What LiteLLM's own table says of a model, under each of its names."""
    table: Mapping[str, Mapping[str, Any]] = litellm.model_cost
    names = [model]
    if provider:
        names.append(f"{provider}/{model}")
    rest = model
    while "/" in rest:
        rest = rest.split("/", 1)[1]
        names.append(rest)
    return [table[name] for name in names if name in table]


def call_key(log: Any) -> str:
    """The id that all layers of a call see, whatever id its arguments were given later."""
    return str(getattr(log, "litellm_call_id", "") or id(log))


def rough_size(value: Any) -> int:
    """A cheap guess at the bytes of messages, to choose a lane; exact is not needed."""
    if isinstance(value, str):
        return len(value)
    rows = value if isinstance(value, list) else ()
    size = 0
    for row in rows:
        content = row.get("content") or row.get("output") if isinstance(row, dict) else None
        size += len(content) if isinstance(content, str) else 2048 if content is None else SMALL_BYTES
    return size


def say_what_is_missing(has_seam: bool) -> None:
    """Says once what the installed LiteLLM has no place for."""
    if not has_seam:
        once.warn(
            "no seam",
            "this LiteLLM has no prompt-management seam: synchronous calls to providers with signed bodies "
            "(Bedrock, SageMaker) go out uncompressed",
        )
    if not hasattr(CustomLogger, "async_pre_call_deployment_hook"):
        once.warn(
            "no hook",
            "this LiteLLM is older than %s: responses and Anthropic messages go out uncompressed",
            OLDEST,
        )
