"""`compress()`: messages in, messages with fewer tokens out.

The work is done by the Rust core (`headroom._core`), which releases the GIL for the whole request.
This module turns the core's edits into new message objects without touching the caller's.
"""

from __future__ import annotations

import os
import struct

from headroom import _core
from headroom.errors import InvalidOptionError
from headroom.records import cached, dataclass, field, replace

TYPE_CHECKING = False  # `typing` is half of what an import may take
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, Literal

    from headroom.stores.protocol import Store

    Level = Literal["lossless", "balanced", "aggressive"]
    Originals = list[tuple[str, int, str, str, list[str]]]
    """As the core returns them: hash, message, text, tool, kinds."""


@dataclass(frozen=True)
class CompressConfig:
    """Options of a compression.

    Attributes:
        level: "lossless" only re-encodes, "balanced" also leaves out what the question does not
            concern (behind marks), "aggressive" leaves out more.
        target_ratio: share of each text's tokens to keep, above 0 and at most 1. `None` lets each
            kind of content decide by itself.
        min_tokens: nothing is compressed while the messages up to a turn's end have fewer tokens.
        query: the question to compress for, in place of the one found in the messages.
        max_threads: threads used for one request; 0 means as many as the machine has. Changes no byte.
        retrieval: whoever reads the messages can call `headroom_retrieve`, so each message from which
            something was left out carries one hash. What the hashes stand for is in
            `CompressResult.originals`, and is put into the store.
        retrieval_key: a secret that keys the hashes, so that nobody can tell from a hash what was said; all who
            share a store must share it. `None` takes `HEADROOM_STORE_SECRET` from the environment, if set.
        store: where the originals go: a `Store`, its URL, `None` for the process's own (`HEADROOM_STORE`, else
            memory), or `False` for nowhere: the caller keeps `CompressResult.originals`. A store that fails is
            logged and counted, and changes nothing about the result.
        owner: whose originals they are; only who names the same owner can fetch them.
    """

    level: Level = "balanced"
    target_ratio: float | None = None
    min_tokens: int = 0
    query: str | None = None
    max_threads: int = 0
    retrieval: bool = False
    retrieval_key: bytes | None = field(default=None, repr=False)
    store: Store | str | Literal[False] | None = field(default=None, repr=False)
    owner: str = ""


@dataclass(frozen=True)
class Block:
    """One part of a text that was looked at.

    Attributes:
        path: where in the message the text stands.
        start_byte: first byte of the part in the text's UTF-8.
        end_byte: the byte after its last.
        kind: what it was taken for; empty if for nothing, or if it is an instruction.
        why: why it stays as it was; empty if it was compressed.
        tokens_before: tokens before, if it was compressed.
        tokens_after: tokens after, if it was compressed.
    """

    path: tuple[str | int, ...]
    start_byte: int
    end_byte: int
    kind: str
    why: str
    tokens_before: int
    tokens_after: int


@dataclass(frozen=True)
class Decision:
    """What was done to one message and why.

    Attributes:
        message: index of the message.
        action: "compressed" or "kept".
        reason: the kinds that were compressed, or why the message stays as it was.
        transforms: what was done, for example "log:select".
        tokens_before: tokens of the message before, in tokens of the model.
        tokens_after: tokens of the message after.
        blocks: the parts of its texts that were looked at, in order.
    """

    message: int
    action: str
    reason: str
    transforms: tuple[str, ...]
    tokens_before: int
    tokens_after: int
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True)
class Omitted:
    """A run of units that was left out; a mark stands in its place.

    Attributes:
        message: index of the message.
        unit: what is counted ("line", "record", "sentence", ...).
        first: 1-based ordinal of the first unit left out, within its block.
        count: how many units were left out.
        text: exactly what stood there.
    """

    message: int
    unit: str
    first: int
    count: int
    text: str


@dataclass(frozen=True)
class Origin:
    """Where an original comes from.

    Attributes:
        message: index of the message.
        tool: name of the tool whose output it is; empty for a user's text.
        kinds: what was compressed in it.
    """

    message: int
    tool: str
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class CompressResult:
    """The result of `compress()`.

    Attributes:
        messages: same shape, roles, ids and number of rows as the input; messages that did not change
            are the same objects.
        tokens_before: tokens of all messages before, by the model's own tokenizer where it is public.
        tokens_after: tokens of all messages after; never more than `tokens_before`.
        transforms_applied: what was done, each once, in order of first use.
        decisions: one per message.
        over_limit: tokens by which the messages still exceed `model_limit`; 0 if they fit.
        rewrites: how often older turns were squeezed further, over the whole conversation, so that it
            fits `model_limit`. Each costs the provider's cached prefix once.
        tokenizer: name of the encoding that counted.
        tokens_exact: False where counts are estimates, because the model's tokenizer is not public.
        original: the messages that were given, the same objects.
        originals: for each hash in the messages, the text it stands for; what a store must hold.
        origins: for each hash, where its original comes from.
    """

    messages: list[Any]
    tokens_before: int
    tokens_after: int
    transforms_applied: list[str] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    over_limit: int = 0
    rewrites: int = 0
    tokenizer: str = ""
    tokens_exact: bool = True
    original: Sequence[Any] = field(default=(), repr=False, compare=False)
    originals: dict[str, str] = field(default_factory=dict, repr=False)
    origins: dict[str, Origin] = field(default_factory=dict, repr=False)
    _omitted: tuple[Sequence[str], Sequence[str], bytes] = field(default=((), (), b""), repr=False)

    @cached
    def omitted(self) -> list[Omitted]:
        """Everything that is not visible any more, in order. Made from the given texts when it is asked for."""
        return list(_omitted(*self._omitted))

    def explain(self, color: bool = False, full: bool = False, width: int | None = None) -> str:
        """What was seen, kept and left out, and why, for a person to judge.

        Args:
            color: use ANSI colours: red for what was left out, cyan for what is written another way.
            full: show long runs of lines whole.
            width: cut lines to so many characters; `None` leaves them whole.
        """
        from headroom.explain import explain

        return explain(self, color=color, full=full, width=width)

    @property
    def tokens_saved(self) -> int:
        """Tokens removed: `tokens_before - tokens_after`."""
        return self.tokens_before - self.tokens_after

    @property
    def compression_ratio(self) -> float:
        """Fraction of the tokens removed, 0.0 (nothing) to 1.0."""
        return self.tokens_saved / self.tokens_before if self.tokens_before else 0.0


_CONFIG_FIELDS = CompressConfig.__match_args__


def make_config(config: CompressConfig | None, config_fields: dict[str, Any]) -> CompressConfig:
    """Combines a config with single fields, which win.

    Raises:
        TypeError: a field that does not exist; the message names those that do.
    """
    unknown = sorted(set(config_fields) - set(_CONFIG_FIELDS))
    if unknown:
        raise TypeError(f"unknown option {', '.join(map(repr, unknown))}; allowed: {', '.join(_CONFIG_FIELDS)}")
    if config is not None and not isinstance(config, CompressConfig):
        raise TypeError(f"config must be a CompressConfig or None, not {type(config).__name__}")
    return replace(config or CompressConfig(), **config_fields)


def compress(
    messages: Sequence[Any],
    model: str = "gpt-4o",
    model_limit: int = 200_000,
    config: CompressConfig | None = None,
    **config_fields: Any,
) -> CompressResult:
    """Compresses messages for a model.

    Args:
        messages: OpenAI chat messages, Anthropic Messages or Responses input items. Never mutated.
        model: a model name as LiteLLM accepts it, for example "bedrock/claude-sonnet". Any name works;
            where the model's tokenizer is not public, counts are estimates and the result says so.
        model_limit: tokens that the messages may take. Beyond it, older turns are squeezed further;
            what the request needs besides (tools, the answer) is for the caller to subtract.
        config: options; `config_fields` are the same options as keywords, and win.

    Returns:
        A `CompressResult`; `result.messages` is what to send.

    Raises:
        InvalidMessagesError: `messages` is not a list of messages.
        InvalidOptionError: an option has a value that is not allowed.
        TypeError: an unknown option.
    """
    options = make_config(config, config_fields)
    kept_in = _store(options)
    edits, decisions, omitted, before, after, over_limit, rewrites, (tokenizer, exact), originals = (
        _core.compress_messages(
            messages,
            model,
            options.level,
            options.target_ratio,
            options.min_tokens,
            model_limit,
            options.query,
            options.max_threads,
            options.retrieval,
            _key(options),
        )
    )
    _keep(kept_in, options, originals)
    made = [
        Decision(message, action, why, tuple(done), b, a, tuple(_block(*part) for part in blocks))
        for message, action, why, done, b, a, blocks in decisions
    ]
    return CompressResult(
        messages=_apply(messages, edits),
        tokens_before=before,
        tokens_after=after,
        transforms_applied=list(dict.fromkeys(t for d in made for t in d.transforms)),
        decisions=made,
        over_limit=over_limit,
        rewrites=rewrites,
        tokenizer=tokenizer,
        tokens_exact=exact,
        original=messages,
        originals={hash_: text for hash_, _, text, _, _ in originals},
        origins=_origins(originals),
        _omitted=omitted,
    )


def compress_body(
    body: bytes,
    model: str | None = None,
    model_limit: int = 200_000,
    config: CompressConfig | None = None,
    **config_fields: Any,
) -> tuple[bytes | None, CompressResult]:
    """Compresses the JSON body of a chat, messages or responses request, bytes in, bytes out.

    Args:
        body: the body, UTF-8. Every byte outside a changed string stays as it was.
        model: the model that counts; `None` takes the body's own.
        model_limit: context window of the model in tokens.
        config: options; `config_fields` are the same options as keywords, and win.

    Returns:
        The new body, or `None` if nothing changed; and the figures. The result's `messages` and
        `decisions` are empty: nothing of the body becomes a Python object.

    Raises:
        InvalidMessagesError: the body is not usable JSON, or names its messages twice.
    """
    options = make_config(config, config_fields)
    kept_in = _store(options)
    new, before, after, transforms, (tokenizer, exact), originals = _core.compress_body(
        body,
        model,
        options.level,
        options.target_ratio,
        options.min_tokens,
        model_limit,
        options.query,
        options.max_threads,
        options.retrieval,
        _key(options),
    )
    _keep(kept_in, options, originals)
    return new, CompressResult(
        messages=[],
        tokens_before=before,
        tokens_after=after,
        transforms_applied=transforms,
        tokenizer=tokenizer,
        tokens_exact=exact,
        originals={hash_: text for hash_, _, text, _, _ in originals},
        origins=_origins(originals),
    )


def _key(options: CompressConfig) -> bytes | None:
    """The secret that keys the hashes, where there are any."""
    if options.retrieval and options.retrieval_key is None:
        return os.environ.get("HEADROOM_STORE_SECRET", "").encode() or None
    return options.retrieval_key


def _store(options: CompressConfig) -> Store | None:
    """Where originals go. A store that does not exist is noticed before anything is compressed."""
    if not isinstance(options.owner, str):
        raise InvalidOptionError(f"owner must be a string, not {type(options.owner).__name__}")
    if not options.retrieval or options.store is False:
        return None
    from headroom.stores.keep import resolve

    return resolve(options.store)


def _keep(store: Store | None, options: CompressConfig, originals: Originals) -> None:
    """Puts the originals into the store, if there are any; a store that fails costs the retrieval alone."""
    if not originals:
        return
    from headroom.retrieval import retrievals

    retrievals.remember(_origins(originals))
    if store is not None:
        from headroom.stores.keep import keep

        keep(store, options.owner, {hash_: text for hash_, _, text, _, _ in originals})


def _origins(originals: Originals) -> dict[str, Origin]:
    return {hash_: Origin(message, tool, tuple(kinds)) for hash_, message, _, tool, kinds in originals}


def _omitted(texts: Sequence[str], units: Sequence[str], records: bytes) -> Iterator[Omitted]:
    encoded = [text.encode() for text in texts]
    for message, unit, first, count, text, start, end in struct.iter_unpack("<7Q", records):
        yield Omitted(message, units[unit], first, count, encoded[text][start:end].decode())


def _block(path: tuple[str | int, ...], span: tuple[int, int], kind: str, why: str, before: int, after: int) -> Block:
    return Block(path, *span, kind, why, before, after)


def _apply(messages: Sequence[Any], edits: list[tuple[int, tuple[str | int, ...], str]]) -> list[Any]:
    """New list with the edits in place; containers on the way to an edit are copied, once each."""
    out = list(messages)
    for index, path, text in edits:
        if out[index] is messages[index]:
            out[index] = messages[index].copy()
        node = out[index]
        original = messages[index]
        for step in path[:-1]:
            original = original[step]
            if node[step] is original:
                node[step] = original.copy()
            node = node[step]
        node[path[-1]] = text
    return out


def expand(text: str) -> str:
    """Decodes every block of `text` that was re-encoded (tables, grouped matches, factored prefixes).

    What was left out behind marks stays left out: that is in `CompressResult.omitted`.
    """
    return _core.expand(text)


def count_tokens(text: str, model: str = "gpt-4o") -> int:
    """Tokens of `text` as `model` counts them (an estimate where its tokenizer is not public)."""
    return _core.count_tokens(text, model)
