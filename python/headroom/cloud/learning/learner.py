"""Reads conversations after they were answered, in one thread that takes a tenth of a core, and writes what they show.

What does not fit into the queue is dropped and counted: most conversations come by again with their next request. A
database that is away costs what `MAX_PENDING` conversations showed, and nothing else.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from headroom.cloud import logs
from headroom.cloud.auth import Identity
from headroom.cloud.database import Database
from headroom.cloud.learning import counters, cuts, evidence, shared
from headroom.cloud.learning.applied import Applied, Policies
from headroom.cloud.learning.counters import Counters
from headroom.cloud.learning.cuts import Cut
from headroom.cloud.learning.pins import Pins
from headroom.cloud.settings import ServiceSettings
from headroom.cloud.wire import Unpacked
from headroom.learning import signals
from headroom.learning.conversation import digest, up_to_first_output
from headroom.learning.signals import PRESENT, RETRIEVED, SEEN, Observed

SHARE = 0.1
"""Of a core: requests are compressed by other threads, but Python runs one at a time."""
MAX_QUEUED = 512
MAX_QUEUED_BYTES = 32 << 20
MAX_REQUEST_BYTES = 4 << 20
"""Longer histories are not learned from."""
MAX_FALLBACKS = 100_000
MAX_PENDING = 5_000
MAX_FOLDED = 200
"""Conversations of one transaction."""
FOLD_TIMEOUT_S = 30.0
CLOSE_TIMEOUT_S = 5.0
SHARE_EVERY_S = 3600.0


class Answered(NamedTuple):
    """A request that was answered."""

    who: Identity
    messages: bytes
    applied: Applied
    originals: list[tuple[str, str, str]]
    """(hash, tool, text) of what was left out of."""

    @property
    def size(self) -> int:
        """Bytes it holds."""
        return len(self.messages) + sum(len(text) for _, _, text in self.originals)


class Retrieval(NamedTuple):
    """An original that was fetched."""

    who: Identity
    hash: str
    query: str
    original: str
    answer: str

    @property
    def size(self) -> int:
        """Bytes it holds, about."""
        return len(self.original) + len(self.answer)


class Learning:
    """What one worker learns and applies."""

    def __init__(self, settings: ServiceSettings, database: Database) -> None:
        redis = settings.redis.get_secret_value() if settings.redis else None
        self.counters = Counters()
        self.pins = Pins(database, redis, settings.pin_ttl_s)
        self.policies = Policies(database, self.pins, self.counters, settings.learning, settings.key_refresh_s)
        self._settings = settings
        self._database = database
        self._queue: deque[Answered | Retrieval] = deque()
        self._queued_bytes = 0
        self._arrived = asyncio.Event()
        self._pending: dict[tuple[str, str], tuple[bytes, Observed]] = {}
        self._cuts: dict[str, list[Cut]] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="headroom-learning")
        self._failing = False

    def answered(
        self, who: Identity, request: Unpacked, applied: Applied, cut: list[tuple[str, str, str]], fallbacks: str
    ) -> None:
        """Notes a request after its compression; what it shows is read later.

        Args:
            who: who asked.
            request: the request.
            applied: the policy it was compressed with.
            cut: (hash, tool, text) of stored originals.
            fallbacks: requests that the client compressed itself before, as it says in a header.
        """
        if fallbacks.isascii() and fallbacks.isdigit() and 0 < int(fallbacks[:9]) <= MAX_FALLBACKS:
            self.counters.add(who.organisation_id, "local_fallbacks", int(fallbacks[:9]))
        config = request.request.config
        # Where so much is cut that an agent does not see most of it, what it does not use says nothing.
        is_cut_hard = config is not None and (config.level == "aggressive" or config.target_ratio is not None)
        if request.head is not None and (cut or (request.head.is_running and not is_cut_hard)):
            self.offer(Answered(who, request.messages, applied, cut))

    def offer(self, job: Answered | Retrieval) -> None:
        """Takes a request or a retrieval to learn from; never waits."""
        has_room = len(self._queue) < MAX_QUEUED and self._queued_bytes + job.size <= MAX_QUEUED_BYTES
        if not has_room or job.size > MAX_REQUEST_BYTES:
            self.counters.add(job.who.organisation_id, "requests_not_learned")
            return
        self._queue.append(job)
        self._queued_bytes += job.size
        self._arrived.set()

    async def read_for_ever(self) -> None:
        """Reads what was offered, with rests that keep it to `SHARE` of a core."""
        loop = asyncio.get_running_loop()
        while True:
            if not self._queue:
                self._arrived.clear()
                await self._arrived.wait()
            job = self._queue.popleft()
            self._queued_bytes -= job.size
            try:
                if isinstance(job, Answered):
                    name, observed, made, spent_s = await loop.run_in_executor(self._thread, read, job)
                    self._take(job.who, name, observed)
                    self._cuts.setdefault(job.who.organisation_id, []).extend(made)
                    self.counters.add(job.who.organisation_id, "requests_learned")
                else:
                    spent_s = await self._retrieved(job)
            except Exception as error:  # noqa: BLE001  # whatever a client sent, or the database: it costs one request
                logs.event("request not learned from", logging.WARNING, **logs.places(error))
                self.counters.add(job.who.organisation_id, "requests_not_learned")
                spent_s = 0.01
            await asyncio.sleep(spent_s * (1 / SHARE - 1))

    async def _retrieved(self, job: Retrieval) -> float:
        # What was cut is written before it is looked for.
        await self._write_cuts()
        found = await self._database.run(cuts.find, job.who.organisation_id, job.hash)
        if found is None:
            return 0.0
        cut, dropped = found
        loop = asyncio.get_running_loop()
        started = time.perf_counter()
        paths = await loop.run_in_executor(
            self._thread, signals.retrieved, job.original, job.query, job.answer, dropped
        )  # fmt: skip
        flags = {(path, ""): PRESENT | SEEN | RETRIEVED for path in paths}
        if flags:
            self._take(job.who, cut.conversation, {(cut.tool, cut.structure): flags})
            self.counters.add(job.who.organisation_id, "retrievals_learned")
        return time.perf_counter() - started

    def _take(self, who: Identity, conversation: str, observed: Observed) -> None:
        if not observed:
            return
        key = (who.organisation_id, conversation)
        if key not in self._pending and len(self._pending) >= MAX_PENDING:
            raise OverflowError("too many conversations wait for the database")
        signals.merge(self._pending.setdefault(key, (who.hash_key, {}))[1], observed)

    async def write_for_ever(self) -> None:
        """Writes what was seen every `flush_s`."""
        next_release = time.monotonic() + SHARE_EVERY_S
        while True:
            await asyncio.sleep(self._settings.flush_s)
            try:
                await self.flush()
                if self._settings.learning_shared and time.monotonic() >= next_release:
                    next_release = time.monotonic() + SHARE_EVERY_S
                    await self._database.run(shared.release, timeout_s=FOLD_TIMEOUT_S)
                self._failing = False
            except Exception as error:  # noqa: BLE001  # the database or Redis in any of their moods
                if not self._failing:
                    logs.event("learning not written", logging.WARNING, **logs.places(error))
                self._failing = True

    async def flush(self) -> None:
        """Writes what waits: pins, cuts, counts.

        Raises:
            Exception: the database or Redis does not answer; what was not written waits on.
        """
        await self.pins.flush()
        await self._write_cuts()
        while self._pending:
            await self._fold(next(iter(self._pending))[0])
        counted = self.counters.take()
        if not counted:
            return
        try:
            await self._database.run(counters.write, counted, int(time.time()))
        except BaseException:
            self.counters.give_back(counted)
            raise

    async def _write_cuts(self) -> None:
        for organisation_id in list(self._cuts):
            made = self._cuts.pop(organisation_id)
            if made:
                await self._database.run(cuts.write, organisation_id, made[-MAX_PENDING:])

    async def _fold(self, organisation_id: str) -> None:
        names = [key for key in self._pending if key[0] == organisation_id][:MAX_FOLDED]
        mine = {key: self._pending.pop(key) for key in names}
        key = next(iter(mine.values()))[0]
        seen = [(name, observed) for (_, name), (_, observed) in mine.items()]
        try:
            version = await self._database.run(
                evidence.fold, organisation_id, key, seen, timeout_s=FOLD_TIMEOUT_S
            )  # fmt: skip
        except BaseException:
            for name, held in mine.items():
                now = self._pending.setdefault(name, (held[0], {}))
                signals.merge(now[1], held[1])
            raise
        if version is not None:
            self.policies.forget(organisation_id)

    async def close(self) -> None:
        """Writes what was read; what was not read is left out."""
        try:
            await asyncio.wait_for(self.flush(), CLOSE_TIMEOUT_S)
        except Exception as error:  # noqa: BLE001  # the same
            logs.event("learning not written", logging.WARNING, **logs.places(error))
        await self.pins.close()
        self._thread.shutdown(wait=False, cancel_futures=True)


def read(job: Answered) -> tuple[str, Observed, list[Cut], float]:
    """(conversation, flags, cuts, seconds of the processor) of a request."""
    started = time.thread_time()
    messages = json.loads(job.messages)
    observed = signals.observe(messages, job.applied.hidden)
    name = digest(up_to_first_output(messages), job.who.hash_key)
    made = []
    for hash_, tool, text in job.originals:
        found = signals.structure_of(text)
        if found is not None and found[0] in job.applied.hidden.get(tool, {}):
            made.append(Cut(hash_, name, tool, found[0], job.applied.version))
    return name, observed, made, time.thread_time() - started
