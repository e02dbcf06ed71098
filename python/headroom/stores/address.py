"""From a URL to a store: which backend, with which options.

Options come from the URL's query (`memory://?max_bytes=1000000`) or as keywords, which win. Nothing is
opened here; a wrong URL or option fails at once, an unreachable backend at first use.
"""

from __future__ import annotations

import math
import os
import re
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from headroom.errors import InvalidOptionError
from headroom.stores.forks import renew_after_fork
from headroom.stores.memory import MemoryStore
from headroom.stores.protocol import Store

DEFAULT_URL = "memory://"
SCHEMES = "memory://, sqlite:///path, redis://host, rediss://host, redis+cluster://host"

TLS_OPTIONS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname")
"""What redis-py takes for rediss:// beside the URL itself."""

Options = Mapping[str, Any]

_lock = threading.Lock()
_default: tuple[int, str, Store] | None = None


def open_store(url: str | None = None, **options: Any) -> Store:
    """The store at `url`; `None` takes `HEADROOM_STORE` from the environment, else `memory://`.

    Args:
        url: `memory://`, `sqlite:///path` (three slashes: relative to the working directory, four: absolute),
            `redis://` or `rediss://` (`+cluster` for a cluster). Options may stand in its query.
        options: the same options as keywords: `max_bytes`, `ttl_s`, and for servers `timeout_s`.

    Raises:
        InvalidOptionError: the URL or an option is not allowed, or the backend's package is not installed.
    """
    if url is None:
        url = os.environ.get("HEADROOM_STORE", "").strip() or DEFAULT_URL
    if not isinstance(url, str):
        raise InvalidOptionError(
            f"store={type(url).__name__} is not allowed; allowed: a URL like {SCHEMES}, or a Store"
        )
    try:
        parts = urlsplit(url)
        query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError as error:
        raise InvalidOptionError(f"the store's URL cannot be read ({error}); allowed: {SCHEMES}") from None
    if len(dict(query)) != len(query):
        raise InvalidOptionError("the store's URL sets an option twice; set it once")
    given: dict[str, Any] = {**dict(query), **options}
    scheme = parts.scheme.lower()
    if scheme == "memory":
        if parts.netloc or parts.path.strip("/") or parts.fragment:
            raise InvalidOptionError("memory:// takes no host and no path; allowed: memory://?max_bytes=…&ttl_s=…")
        return MemoryStore(**read_options(given, max_bytes=whole_number, ttl_s=seconds))
    if scheme == "sqlite":
        return _sqlite(parts, given)
    if scheme in ("redis", "rediss", "redis+cluster", "rediss+cluster"):
        return _redis(parts, given)
    # A URL may hold a password: only its scheme is ever shown.
    raise InvalidOptionError(f"store scheme {scheme[:20]!r} is not allowed; allowed: {SCHEMES}")


def _sqlite(parts: SplitResult, given: Options) -> Store:
    from headroom.stores.sqlite import SqliteStore

    # As SQLAlchemy has it: sqlite:///relative/path, sqlite:////absolute/path.
    path = unquote(parts.path[1:])
    if parts.netloc or parts.fragment or not path or path.endswith("/") or "\0" in path:
        raise InvalidOptionError(
            "the store's URL names no file; allowed: sqlite:///relative/path or sqlite:////absolute/path, "
            "percent-encoded"
        )
    return SqliteStore(path, **read_options(given, max_bytes=whole_number, ttl_s=seconds, timeout_s=seconds))


def _redis(parts: SplitResult, given: Options) -> Store:
    from headroom.stores.redis import RedisStore

    try:
        host, port = parts.hostname, parts.port or 6379
    except ValueError:
        host, port = None, 0
    database = parts.path.strip("/")
    if not host or parts.fragment or not ((database.isascii() and database.isdigit()) or not database):
        raise InvalidOptionError(
            "the store's URL names no server; allowed: redis://user:password@host:6379/0 (percent-encoded)"
        )
    scheme, _, cluster = parts.scheme.lower().partition("+")
    ours = {"ttl_s": seconds, "timeout_s": seconds, "prefix": key_prefix}
    options = read_options(given, **ours, **dict.fromkeys(TLS_OPTIONS if scheme == "rediss" else (), plain_text))
    tls = {name: value for name, value in options.items() if name not in ours}
    url = urlunsplit((scheme, parts.netloc, parts.path, urlencode(tls), ""))
    return RedisStore(url, f"{host}:{port}", bool(cluster), **{k: v for k, v in options.items() if k in ours})


def default_store() -> Store:
    """The process's own store, made at first use from `HEADROOM_STORE` (else `memory://`).

    A changed `HEADROOM_STORE` and a forked process each get their own.
    """
    global _default
    url = os.environ.get("HEADROOM_STORE", "").strip() or DEFAULT_URL
    with _lock:
        if _default is None or _default[:2] != (os.getpid(), url):
            _default = (os.getpid(), url, open_store(url))
        return _default[2]


def read_options(given: Options, **readers: Any) -> dict[str, Any]:
    """Every given option, read by its reader.

    Raises:
        InvalidOptionError: an option that does not exist or has a value that is not allowed.
    """
    for name in given:
        if name not in readers:
            raise InvalidOptionError(f"store option {name[:40]!r} does not exist; allowed: {', '.join(readers)}")
    return {name: readers[name](name, value) for name, value in given.items()}


def whole_number(name: str, value: Any) -> int:
    """A whole number above 0, as a number or its digits."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1 << 62:
        raise InvalidOptionError(
            f"store option {name}={str(value)[:40]!r} is not allowed; allowed: a whole number above 0"
        )
    return value


def seconds(name: str, value: Any) -> float:
    """A number of seconds above 0."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 < number < 1e10:
        raise InvalidOptionError(f"store option {name}={str(value)[:40]!r} is not allowed; allowed: seconds above 0")
    return number


def key_prefix(name: str, value: Any) -> str:
    """What all keys of a server's store start with. Braces would be taken for a cluster's hash tag."""
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_.:-]{1,64}", value):
        raise InvalidOptionError(
            f"store option {name}={str(value)[:40]!r} is not allowed; allowed: 1 to 64 letters, digits and _.:-"
        )
    return value


def plain_text(name: str, value: Any) -> str:
    """A setting that is passed on."""
    if not isinstance(value, (str, bool)) or value == "":
        raise InvalidOptionError(f"store option {name} must be a text that is not empty")
    return str(value)


class _Process:
    """What a forked child has to renew here."""

    def renew_locks(self) -> None:
        global _lock
        _lock = threading.Lock()


_process = _Process()
renew_after_fork(_process)
