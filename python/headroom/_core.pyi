from typing import Any, Final, final

__all__ = [
    "HeadroomError",
    "InvalidMessagesError",
    "InvalidOptionError",
    "Policy",
    "__version__",
    "build_info",
    "clear_memo",
    "compress_body",
    "compress_messages",
    "count_tokens",
    "excerpt",
    "expand",
    "json_structure",
    "memo_stats",
]

__version__: Final[str]

class HeadroomError(ValueError): ...
class InvalidMessagesError(HeadroomError): ...
class InvalidOptionError(HeadroomError): ...

@final
class Policy:
    """A policy that was read. Raises `InvalidOptionError` for a document that is none."""

    def __new__(cls, document: str) -> Policy: ...
    @property
    def version(self) -> int: ...

def compress_messages(
    messages: Any,
    model: str,
    level: str,
    target_ratio: float | None,
    min_tokens: int,
    model_limit: int,
    query: str | None,
    max_threads: int,
    retrieval: bool,
    retrieval_key: bytes | None,
    policy: Policy | None,
) -> tuple[
    list[tuple[int, tuple[str | int, ...], str]],
    list[
        tuple[
            int,
            str,
            str,
            list[str],
            int,
            int,
            list[tuple[tuple[str | int, ...], tuple[int, int], str, str, int, int]],
        ]
    ],
    tuple[list[str], list[str], bytes],
    int,
    int,
    int,
    int,
    tuple[str, bool],
    list[tuple[str, int, str, str, list[str]]],
]: ...
def compress_body(
    body: bytes,
    model: str | None,
    level: str,
    target_ratio: float | None,
    min_tokens: int,
    model_limit: int,
    query: str | None,
    max_threads: int,
    retrieval: bool,
    retrieval_key: bytes | None,
    policy: Policy | None,
) -> tuple[bytes | None, int, int, list[str], tuple[str, bool], list[tuple[str, int, str, str, list[str]]]]: ...
def expand(text: str) -> str: ...
def excerpt(
    text: str,
    query: str,
    max_tokens: int,
    model: str,
) -> tuple[str, int, int, list[tuple[str, int, int, str]], list[str]]: ...
def json_structure(text: str) -> tuple[str, dict[str, list[str]]] | None:
    """The structure digest of a JSON text and its fields: `(digest, {path: values})`.

    A path is `$` (the root), `.name` or `["any key"]` (a member), `[]` (any element of an array) and `.*` (any
    member of an object most of whose keys are data: hold three digits, a slash or an inner `@`). Values on lines
    of their own (NDJSON) are elements of one array, so their paths begin with `$[]`. The digest, 16 hexadecimal
    digits, is of the paths of objects with members alone: scalars and empty containers may come and go.

    The fields are in order of appearance, each with its scalars in order: strings without quotes and escapes, all
    others as they are spelled ("2.50", "null"). JSON inside strings is a string.

    `None` for a text that is no JSON as a whole, is nested more than 96 deep, holds no object with members, or has
    more than 16 MiB, 4096 paths or 1 MiB of paths. Linear in the text; the GIL is released.
    """

def count_tokens(text: str, model: str) -> int: ...
def build_info() -> tuple[str, str, list[str]]: ...
def memo_stats() -> tuple[int, int, int]: ...
def clear_memo() -> None: ...
