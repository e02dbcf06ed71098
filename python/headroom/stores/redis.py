"""`redis://`, `rediss://`, `redis+cluster://`: originals for a fleet (extra `redis`).

- One key per entry, written by one SET with its age: an entry is whole or absent. All keys of an entry carry
  one hash tag, so that they share a slot of a cluster; a plain URL that leads to a cluster is noticed.
- Two round trips for new originals, one where all are there already (only their age is renewed).
- Room is the server's: set `maxmemory` with `maxmemory-policy allkeys-lru` or `volatile-lru`.
- What `put` returned for lives as long as the server keeps its data: with `appendonly yes` it survives the
  server, without it ends with it, and the reader hears "unknown".
- Timeouts are short, and after one of them puts fail at once for a while: a silent server costs one
  timeout, not one per request. Connections are made anew by themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from headroom.errors import InvalidOptionError, RetrievalError, StoreError
from headroom.stores.blocking import OwnThreads
from headroom.stores.forks import renew_after_fork
from headroom.stores.packed import Damaged, pack, unpack
from headroom.stores.protocol import DEFAULT_TTL_S, entry_key, expired, unknown
from headroom.stores.tally import Tally

try:
    import redis.exceptions

    from headroom.stores import redis_clients
except ImportError as error:
    raise InvalidOptionError(
        "a redis:// store needs a package that is not installed; run: pip install 'headroom-ai[redis]'"
    ) from error

DEFAULT_TIMEOUT_S = 1.0
"""For one answer; half of it for a connection. A server nearby answers in a millisecond."""
PAUSE_S = 5.0
"""How long puts fail at once after a timeout."""
REMEMBERED_AGES = 2
"""The name of an entry is remembered for this many of its ages, so that "expired" can be told from "unknown"."""

MAX_AT_ONCE = 32
"""Round trips of one event loop at once: each takes a connection, and a cluster's client has 100 per node."""

Commands = Callable[[Any], None]
"""Queues commands on a pipeline, blocking or asyncio."""


class RedisStore:
    """Keeps originals in Redis.

    Args:
        url: `redis://…` or `rediss://…` as redis-py takes it.
        where: what to call the server in errors: host and port, nothing secret.
        cluster: whether it is a cluster.
        ttl_s: seconds after its last put that an original is kept.
        timeout_s: seconds to wait for an answer.
        prefix: what all keys start with.
    """

    def __init__(
        self,
        url: str,
        where: str,
        cluster: bool = False,
        ttl_s: float = DEFAULT_TTL_S,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        prefix: str = "headroom",
    ) -> None:
        self.where = where
        self.cluster = cluster
        self.ttl_s = ttl_s
        self.timeout_s = timeout_s
        self.prefix = prefix
        self._url = url
        self._tally = Tally()
        self._threads = OwnThreads()
        self._lock = threading.Lock()
        self._client: Any = None
        # A connection belongs to the event loop it was made on.
        self._on_loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _OnLoop] = weakref.WeakKeyDictionary()
        self._paused_until = 0.0
        renew_after_fork(self)

    def put(self, owner: str, originals: Mapping[str, str]) -> None:
        keys = self._keys(owner, originals)
        if not keys:
            return
        with self._failing("written"):
            self._check_pause()
            new = self._missing(keys, self._run(self._renew(keys)))
            if new:
                self._run(self._write(self._packed(new, originals)))
        self._tally.add(puts=len(new), renewed=len(keys) - len(new))

    async def aput(self, owner: str, originals: Mapping[str, str]) -> None:
        keys = self._keys(owner, originals)
        if not keys:
            return
        with self._failing("written"):
            self._check_pause()
            new = self._missing(keys, await self._arun(self._renew(keys)))
            if new:
                # Compressing a long text takes milliseconds: not on the event loop.
                entries = await self._threads.run(lambda: self._packed(new, originals))
                await self._arun(self._write(entries))
        self._tally.add(puts=len(new), renewed=len(keys) - len(new))

    def get(self, owner: str, hash: str) -> str:
        key = self._key(owner, hash)
        with self._failing("read"):
            data, was_here = self._run(self._read(key))
            return self._answer(hash, key, data, was_here)

    async def aget(self, owner: str, hash: str) -> str:
        key = self._key(owner, hash)
        with self._failing("read"):
            data, was_here = await self._arun(self._read(key))
            return await self._threads.run(lambda: self._answer(hash, key, data, was_here))

    def stats(self) -> dict[str, Any]:
        return {"kind": "redis", **self._tally.read(), "cluster": self.cluster}

    def close(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()
        self._threads.stop()

    async def aclose(self) -> None:
        here = self._on_loops.pop(asyncio.get_running_loop(), None)
        if here is not None:
            await here.client.aclose()
        self.close()

    def renew_locks(self) -> None:
        """For a forked child."""
        self._lock = threading.Lock()
        self._tally.renew_locks()
        self._threads.renew_locks()

    # --- entries and their keys -------------------------------------------------------------------

    def _key(self, owner: str, hash: str) -> str:
        # The braces are the hash tag: a cluster places a key by what stands between them.
        return f"{self.prefix}:{{{entry_key(owner, hash)}}}"

    def _keys(self, owner: str, originals: Mapping[str, str]) -> dict[str, str]:
        return {self._key(owner, hash_): hash_ for hash_ in originals}

    @staticmethod
    def _packed(new: Mapping[str, str], originals: Mapping[str, str]) -> dict[str, bytes]:
        return {key: pack(originals[hash_], _name(key), "zstd") for key, hash_ in new.items()}

    @staticmethod
    def _missing(keys: Mapping[str, str], renewed: list[Any]) -> dict[str, str]:
        return {key: hash_ for (key, hash_), there in zip(keys.items(), renewed[::2], strict=True) if not there}

    def _answer(self, hash: str, key: str, data: bytes | None, was_here: int) -> str:
        if data is None:
            self._tally.add(expired=int(bool(was_here)), unknown=int(not was_here))
            raise expired(hash) if was_here else unknown(hash)
        try:
            text = unpack(data, _name(key))
        except Damaged as error:
            with contextlib.suppress(redis.exceptions.RedisError, OSError):
                # Gone, so that the next put writes it anew.
                self._run(lambda pipe: pipe.delete(key))
            raise StoreError(f"the original of hash {hash} is damaged: {error}; run the tool again") from None
        self._tally.add(hits=1)
        return text

    # --- commands ---------------------------------------------------------------------------------

    def _renew(self, keys: Mapping[str, str]) -> Commands:
        age = int(self.ttl_s * 1000) or 1

        def queue(pipe: Any) -> None:
            for key in keys:
                pipe.pexpire(key, age)
                pipe.pexpire(f"{key}:was", age * REMEMBERED_AGES)

        return queue

    def _write(self, entries: Mapping[str, bytes]) -> Commands:
        age = int(self.ttl_s * 1000) or 1

        def queue(pipe: Any) -> None:
            for key, data in entries.items():
                pipe.set(key, data, px=age)
                pipe.set(f"{key}:was", b"", px=age * REMEMBERED_AGES)

        return queue

    @staticmethod
    def _read(key: str) -> Commands:
        def queue(pipe: Any) -> None:
            pipe.get(key)
            pipe.exists(f"{key}:was")

        return queue

    # --- connections ------------------------------------------------------------------------------

    def _run(self, commands: Commands) -> list[Any]:
        client = self._connected()
        try:
            return self._run_on(client, commands)
        except redis.exceptions.ResponseError as error:
            if not _is_moved(error):
                raise
            with self._lock:
                self.cluster = True
                if self._client is client:
                    self._client = None
            return self._run_on(self._connected(), commands)

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = redis_clients.blocking(self._url, self.cluster, self.timeout_s)
            return self._client

    @staticmethod
    def _run_on(client: Any, commands: Commands) -> list[Any]:
        with client.pipeline(transaction=False) as pipe:
            commands(pipe)
            done: list[Any] = pipe.execute()
            return done

    async def _arun(self, commands: Commands) -> list[Any]:
        here = self._here()
        try:
            return await here.run(commands)
        except redis.exceptions.ResponseError as error:
            if not _is_moved(error):
                raise
            self.cluster = True
            loop = asyncio.get_running_loop()
            if self._on_loops.get(loop) is here:
                del self._on_loops[loop]
            return await self._here().run(commands)

    def _here(self) -> _OnLoop:
        loop = asyncio.get_running_loop()
        here = self._on_loops.get(loop)
        if here is None:
            client = redis_clients.asynchronous(self._url, self.cluster, self.timeout_s)
            here = self._on_loops[loop] = _OnLoop(client, asyncio.Semaphore(MAX_AT_ONCE))
        return here

    # --- failures ---------------------------------------------------------------------------------

    def _check_pause(self) -> None:
        if time.monotonic() < self._paused_until:
            self._fail("written", "it did not answer in time just now")

    @contextlib.contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        """Turns errors of the backend into a `StoreError` that says what to do and nothing secret."""
        try:
            yield
        except StoreError:
            self._tally.add(errors=1)
            raise
        except RetrievalError:
            raise
        except UnicodeEncodeError:
            self._tally.add(errors=1)
            raise StoreError("an original holds lone surrogates and cannot be kept; send valid Unicode") from None
        except Exception as error:  # noqa: BLE001 - clients raise more than their own errors while a server dies
            self._tally.add(errors=1)
            if isinstance(error, (redis.exceptions.TimeoutError, TimeoutError, asyncio.TimeoutError)):
                self._paused_until = time.monotonic() + PAUSE_S
            # What the client says may quote the command and its value, so only the error's class is told.
            self._fail(what, type(error).__name__)

    def _fail(self, what: str, reason: str) -> NoReturn:
        raise StoreError(
            f"the Redis store at {self.where} cannot be {what} ({reason}); check that the server is up, reachable "
            "and has room"
        ) from None


def _is_moved(error: redis.exceptions.ResponseError) -> bool:
    """Whether a server says that a key lives on another node: it is one of a cluster."""
    # Pipelines of redis-py 5 wrap the answer; it stands last, behind the command, as a text or as a tuple of one.
    is_wrapped = str(error).rsplit("caused error: ", 1)[-1].lstrip("('").startswith("MOVED ")
    return isinstance(error, redis.exceptions.MovedError) or is_wrapped


def _name(key: str) -> bytes:
    """The name of an entry, without the prefix, so that keys can be renamed as a whole."""
    return bytes.fromhex(key[-33:-1])


@dataclass(frozen=True)
class _OnLoop:
    """The client of one event loop."""

    client: Any
    turns: asyncio.Semaphore

    async def run(self, commands: Commands) -> list[Any]:
        async with self.turns, self.client.pipeline(transaction=False) as pipe:
            commands(pipe)
            done: list[Any] = await pipe.execute()
            return done
