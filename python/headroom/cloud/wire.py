"""The bytes of `/v1/compress`: request to core to reply. Runs in a lane's thread.

Messages never become Python objects: the request is split at its top level, the core gets the bytes of the
list and gives back bytes, and these stand in the reply as they are. So every byte outside a changed string is
the client's own. 35 µs beside the core for a body of 70 KB (parsing it whole would be 150 µs).
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import Annotated, Literal

import msgspec

from headroom._core import HeadroomError
from headroom.cloud import labels
from headroom.cloud.bodies import too_large
from headroom.cloud.errors import ServiceError
from headroom.cloud.learning.applied import NOTHING, Applied
from headroom.cloud.learning.head import Head
from headroom.cloud.learning.head import read as learning_head
from headroom.compression import Origin, compress_body
from headroom.integrations.asgi_body import NotDecoded, decode

DEFAULT_MODEL = "gpt-4o"
DEFAULT_LIMIT = 200_000
MAX_MODEL_CHARS = 200
NEVER = 1 << 60
"""As `min_tokens`: the core counts and changes nothing."""


class Config(msgspec.Struct):
    """`config` of a request. Fields that are not known are left alone: clients of other versions send more."""

    mode: str | None = None
    level: Literal["lossless", "balanced", "aggressive"] | None = None
    target_ratio: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    min_tokens: Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)] | None = None
    query: Annotated[str, msgspec.Meta(max_length=10_000)] | None = None


class CompressRequest(msgspec.Struct):
    """Body of `/v1/compress` and `/v1/saas/compress`."""

    messages: msgspec.Raw
    model: Annotated[str, msgspec.Meta(max_length=MAX_MODEL_CHARS)] | None = None
    model_limit: Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)] | None = None
    config: Config | None = None


class Figures(msgspec.Struct):
    """What stands in the reply beside the messages."""

    tokens_before: int
    tokens_after: int
    tokens_saved: int
    compression_ratio: float
    transforms_applied: list[str]
    ccr_hashes: list[str]
    model: str
    level: str
    tokenizer: str
    tokens_exact: bool


@dataclass
class Compressed:
    """A compression, before its originals are stored."""

    messages: bytes
    figures: Figures
    originals: dict[str, str]
    seconds: float
    tools: list[str] = field(default_factory=list)
    unchanged: str = ""
    """As in `Event`."""
    origins: dict[str, Origin] = field(default_factory=dict)
    new_hashes: list[str] = field(default_factory=list)
    """Hashes of originals that were not in an earlier request of the conversation."""
    cut: list[tuple[str, str, str]] = field(default_factory=list)
    """(hash, tool, text) of the originals, where a policy was applied."""

    def reply(self, stored: bool) -> bytes:
        """The body of the reply. Hashes stand in it only if they can be redeemed."""
        self.figures.ccr_hashes = list(self.originals) if stored else []
        return b'{"messages":' + self.messages + b"," + msgspec.json.encode(self.figures)[1:]


# A whole character in two halves, half a character, or any other escape.
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\.", re.DOTALL
)
_REPLACEMENT = rb"\ufffd"
_decoder = msgspec.json.Decoder(CompressRequest)


@dataclass
class Unpacked:
    """A request, before its policy is known."""

    request: CompressRequest
    messages: bytes
    head: Head | None


def read(body: bytes, coding: bytes | None, limit: int, hash_key: bytes, with_head: bool) -> Unpacked:
    """A request from its bytes.

    Args:
        body: the body as it came.
        coding: its content coding.
        limit: bytes it may have unpacked.
        hash_key: what keys digests of this organisation.
        with_head: whether to look which conversation it belongs to.

    Raises:
        ServiceError: 400, 413, 415, 422.
    """
    request = parse(unpack(body, coding, limit))
    messages = bytes(request.messages)
    return Unpacked(request, messages, learning_head(messages, hash_key) if with_head else None)


def compress(
    unpacked: Unpacked, level: str, min_tokens: int, hash_key: bytes, bypass: bool, applied: Applied = NOTHING
) -> Compressed:
    """The whole work of one request.

    Args:
        unpacked: the request.
        level: the level where the request names none.
        min_tokens: the same for `min_tokens`.
        hash_key: what keys the hashes of this organisation.
        bypass: only count.
        applied: the policy of its conversation.

    Raises:
        ServiceError: 400.
    """
    start = time.perf_counter()
    request, raw = unpacked.request, unpacked.messages
    config = request.config or Config()
    model = request.model or DEFAULT_MODEL
    head = b'{"model":' + msgspec.json.encode(model) + b',"messages":'
    level = config.level or level
    min_tokens = max(min_tokens, config.min_tokens or 0)
    try:
        new, result = compress_body(
            head + raw + b"}",
            None,
            request.model_limit or DEFAULT_LIMIT,
            level=level,
            target_ratio=config.target_ratio,
            min_tokens=NEVER if bypass else min_tokens,
            query=config.query,
            max_threads=1,
            retrieval=config.mode == "ccr",
            retrieval_key=hash_key,
            # The originals come back with the result; the service keeps them under their owner.
            store=False,
            policy=applied.core,
        )
    except HeadroomError as error:
        # The core's errors name a reason and a byte, never content.
        raise invalid(str(error)) from None
    figures = Figures(
        tokens_before=result.tokens_before,
        tokens_after=result.tokens_after,
        tokens_saved=result.tokens_saved,
        compression_ratio=round(result.compression_ratio, 6),
        transforms_applied=result.transforms_applied,
        ccr_hashes=[],
        model=model,
        level=level,
        tokenizer=result.tokenizer,
        tokens_exact=result.tokens_exact,
    )
    # Only strings of messages change, so the new list stands between the same head and the closing brace.
    messages = raw if new is None else new[len(head) : -1]
    unchanged = "below_min_tokens" if result.tokens_before < min_tokens else ""
    new_hashes: list[str] = []
    if result.origins:
        first = labels.newest_turn(raw)
        new_hashes = [hash for hash, origin in result.origins.items() if origin.message >= first]
    seconds = time.perf_counter() - start
    tools = labels.tools(raw)
    made = Compressed(messages, figures, result.originals, seconds, tools, unchanged, result.origins, new_hashes)
    if applied.core is not None:
        made.cut = [(hash_, result.origins[hash_].tool, text) for hash_, text in result.originals.items()]
    return made


def unpack(body: bytes, coding: bytes | None, limit: int) -> bytes:
    """The body without its content coding.

    Raises:
        ServiceError: 400, 413, 415.
    """
    if not coding:
        return body
    try:
        plain, _ = decode(body, coding, limit)
        return plain
    except NotDecoded as error:
        reason = str(error)
    if reason == "body too large":
        raise too_large(None, limit)
    if reason == "content coding":
        raise ServiceError(
            415,
            "content_encoding",
            "The content coding is not known.",
            given=coding.decode("latin-1")[:40],
            allowed=["gzip", "deflate", "br (where brotli is installed)", "identity"],
            action="Send the body without a coding.",
        )
    raise ServiceError(400, "broken_encoding", "The body cannot be unpacked: it is cut off or damaged.")


def parse(body: bytes) -> CompressRequest:
    """The request, split at its top level.

    Raises:
        ServiceError: 400 or 422.
    """
    try:
        try:
            request = _decoder.decode(body)
        except msgspec.DecodeError:
            request = _with_lone_surrogates(body)
    except msgspec.ValidationError as error:
        # Types and paths; a value only where it is one of `config`'s words.
        raise invalid(str(error), status=422) from None
    except RecursionError:
        raise invalid("it is nested too deeply", allowed="about 1,000 levels") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        reason = str(error) if isinstance(error, msgspec.DecodeError) else "a name is not UTF-8"
        raise invalid(reason) from None
    if bytes(request.messages)[:1] != b"[":
        raise invalid("Expected `array` - at `$.messages`", status=422)
    return request


def _with_lone_surrogates(body: bytes) -> CompressRequest:
    """The request in spite of halves of characters, as JavaScript writes them where it cuts a text.

    The decoder refuses them. It gets a copy with others of the same length in their place; what is cut out of
    the body is cut at the same bytes.

    Raises:
        msgspec.DecodeError: something else is wrong.
    """
    shadow = _ESCAPE.sub(lambda found: _REPLACEMENT if len(found[0]) == len(_REPLACEMENT) else found[0], body)
    request = _decoder.decode(shadow)
    raw = bytes(request.messages)
    start = shadow.find(raw)
    if shadow.count(raw) != 1:
        raise msgspec.DecodeError("its messages stand in it twice")
    request.messages = msgspec.Raw(body[start : start + len(raw)])
    return request


def invalid(reason: str, status: int = 400, allowed: str | None = None) -> ServiceError:
    """400: not JSON. 422: JSON of another shape."""
    return ServiceError(
        status,
        "invalid_json" if status == 400 else "invalid_request",
        f"The body cannot be used: {reason[:300]}",
        allowed=allowed or "a JSON object with `messages` (a list) and, if wanted, `model`, `model_limit`, `config`",
        action="See /openapi.json for the request and an example.",
    )
