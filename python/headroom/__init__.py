"""Headroom compresses what your application sends to a language model.

from headroom import compress
result = compress(messages, model="gpt-4o")
client.chat.completions.create(model="gpt-4o", messages=result.messages)
"""

from headroom._core import __version__
from headroom.compression import (
    Block,
    CompressConfig,
    CompressResult,
    Decision,
    Omitted,
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
    "RetrievalError",
    "StoreError",
    "UnknownHashError",
    "__version__",
    "compress",
    "count_tokens",
    "expand",
]
