"""Headroom compresses what your application sends to a language model.

from headroom import compress
result = compress(messages, model="gpt-4o")
client.chat.completions.create(model="gpt-4o", messages=result.messages)
"""

from headroom._core import HeadroomError, InvalidMessagesError, InvalidOptionError, __version__
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

__all__ = [
    "Block",
    "CompressConfig",
    "CompressResult",
    "Decision",
    "HeadroomError",
    "InvalidMessagesError",
    "InvalidOptionError",
    "Omitted",
    "__version__",
    "compress",
    "count_tokens",
    "expand",
]
