from typing import Any, Final

__all__ = [
    "HeadroomError",
    "InvalidMessagesError",
    "InvalidOptionError",
    "__version__",
    "build_info",
    "clear_memo",
    "compress_body",
    "compress_messages",
    "count_tokens",
    "excerpt",
    "expand",
    "memo_stats",
]

__version__: Final[str]

class HeadroomError(ValueError): ...
class InvalidMessagesError(HeadroomError): ...
class InvalidOptionError(HeadroomError): ...

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
) -> tuple[bytes | None, int, int, list[str], tuple[str, bool], list[tuple[str, int, str, str, list[str]]]]: ...
def expand(text: str) -> str: ...
def excerpt(
    text: str,
    query: str,
    max_tokens: int,
    model: str,
) -> tuple[str, int, int, list[tuple[str, int, int, str]], list[str]]: ...
def count_tokens(text: str, model: str) -> int: ...
def build_info() -> tuple[str, str, list[str]]: ...
def memo_stats() -> tuple[int, int, int]: ...
def clear_memo() -> None: ...
