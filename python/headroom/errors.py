"""Every error that headroom raises, in one hierarchy: `HeadroomError` is the base.

Messages say what was given, what is allowed and what to do. They never quote the content of messages.
"""

from __future__ import annotations

from headroom._core import HeadroomError, InvalidMessagesError, InvalidOptionError

__all__ = [
    "ExpiredHashError",
    "HeadroomError",
    "InvalidMessagesError",
    "InvalidOptionError",
    "RetrievalError",
    "StoreError",
    "UnknownHashError",
]


class RetrievalError(HeadroomError):
    """What was left out cannot be fetched."""


class UnknownHashError(RetrievalError):
    """The store has nothing under this hash for this owner.

    The same answer, whether nobody put it there or somebody else did: a hash is no permission.
    """


class ExpiredHashError(RetrievalError):
    """The store held this original for this owner and has dropped it since, for its age or for room."""


class StoreError(RetrievalError):
    """The store cannot be reached, is full, or holds a damaged entry."""
