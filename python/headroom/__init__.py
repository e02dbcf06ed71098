"""Headroom compresses what your application sends to a language model.

from headroom import compress
result = compress(messages, model="gpt-4o")
client.chat.completions.create(model="gpt-4o", messages=result.messages)
"""

from __future__ import annotations

from headroom._core import __version__
from headroom.compression import (
    Block,
    CompressConfig,
    CompressResult,
    Decision,
    Omitted,
    Origin,
    compress,
    count_tokens,
    expand,
)
from headroom.errors import (
    ExpiredHashError,
    HeadroomError,
    InvalidMessagesError,
    InvalidOptionError,
    RetrievalError,
    StoreError,
    UnknownHashError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from headroom.retrieval import aretrieve, retrieve

__all__ = [
    "Block",
    "CompressConfig",
    "CompressResult",
    "Decision",
    "ExpiredHashError",
    "HeadroomError",
    "InvalidMessagesError",
    "InvalidOptionError",
    "Omitted",
    "Origin",
    "RetrievalError",
    "StoreError",
    "UnknownHashError",
    "__version__",
    "aretrieve",
    "compress",
    "count_tokens",
    "expand",
    "retrieve",
]


def __getattr__(name: str) -> Any:
    """What brings the stores with it is imported when it is asked for: most programs never do."""
    if name in ("aretrieve", "retrieve"):
        from headroom import retrieval

        return getattr(retrieval, name)
    raise AttributeError(f"module 'headroom' has no attribute {name!r}")
