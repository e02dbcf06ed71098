"""Reads policies: which fields of a tool's outputs may be left out. `docs/policies.md` says how they are applied.

A policy is given as a dict, as JSON text, or as the path of a file. Files are read again when they change.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from headroom import _core
from headroom.errors import InvalidOptionError

Policy = _core.Policy
"""A policy that was read."""

Given = Policy | Mapping[str, Any] | str | os.PathLike[str]
"""What a caller may pass as a policy."""

MAX_BYTES = 16 << 20
"""Longer files are no policies."""

_files: dict[str, tuple[tuple[int, int, int], Policy]] = {}
_lock = threading.Lock()


def load_policy(given: Given) -> Policy:
    """The policy that a caller gives.

    Args:
        given: a policy document as a dict or as JSON text (it begins with a brace), the path of a file that holds
            one, or a policy that was read before.

    Raises:
        InvalidOptionError: it is none, or the file cannot be read.
    """
    if isinstance(given, Policy):
        return given
    if isinstance(given, Mapping):
        try:
            return _parse(json.dumps(given))
        except (TypeError, ValueError, RecursionError) as error:
            if isinstance(error, InvalidOptionError):
                raise
            raise InvalidOptionError(f"the policy cannot be used: it is no JSON ({error})") from None
    if isinstance(given, str) and given.lstrip().startswith("{"):
        return _parse(given)
    if isinstance(given, (str, os.PathLike)):
        return _read(Path(given))
    raise InvalidOptionError(
        f"policy must be a dict, JSON text, or the path of a file, not {type(given).__name__}; see docs/policies.md"
    )


@lru_cache(maxsize=64)
def _parse(document: str) -> Policy:
    return Policy(document)


def _read(path: Path) -> Policy:
    """The policy in a file, from memory while the file's time, size and place are the same."""
    try:
        # First the state, then the text: what changes in between is read again.
        stat = path.stat()
        state = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        with _lock:
            known = _files.get(str(path))
        if known is not None and known[0] == state:
            return known[1]
        if stat.st_size > MAX_BYTES:
            raise InvalidOptionError(
                f"policy {path}: {stat.st_size} bytes are too many; a policy has at most {MAX_BYTES}"
            )
        policy = Policy(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidOptionError(
            f"policy {path} cannot be read: {error.strerror}; give the path of a policy file, or its JSON text"
        ) from None
    except UnicodeDecodeError as error:
        raise InvalidOptionError(f"policy {path} is not UTF-8 text (at byte {error.start}); write it as JSON") from None
    except InvalidOptionError as error:
        raise InvalidOptionError(f"{path}: {error}") from None
    with _lock:
        _files[str(path)] = (state, policy)
    return policy
