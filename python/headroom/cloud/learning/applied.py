"""Which policy a request is compressed with: decided once for a conversation, then the same for all of its requests.

Usually nothing is waited for: the organisation's switch and newest version are read again in the background every
`refresh_s`, pins and documents are remembered. A worker waits for a pin (`pins.TIMEOUT_S` at most) once per
conversation, if its organisation has a policy at all.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from typing import NamedTuple

from sqlalchemy.engine import Connection

from headroom.cloud import logs
from headroom.cloud.auth import Identity
from headroom.cloud.database import Database
from headroom.cloud.errors import ServiceError
from headroom.cloud.learning import policies
from headroom.cloud.learning.counters import Counters
from headroom.cloud.learning.head import Head
from headroom.cloud.learning.pins import TIMEOUT_S, Pins
from headroom.errors import HeadroomError
from headroom.learning import policy
from headroom.learning.signals import Hidden
from headroom.policies import Policy, load_policy

MAX_ORGANISATIONS = 10_000
MAX_DOCUMENTS = 200
"""Versions that a worker remembers, up to some 100 KB each."""


class Standing(NamedTuple):
    """Of an organisation: its switch and the newest version of its policy."""

    mode: str
    version: int


class Applied(NamedTuple):
    """What a request is compressed with.

    Attributes:
        version: of the policy; 0 for none.
        core: what the core takes; `None` for none.
        hidden: what it drops.
    """

    version: int
    core: Policy | None
    hidden: Hidden


NOTHING = Applied(0, None, {})


class Policies:
    """The policies of one worker's organisations."""

    def __init__(self, database: Database, pins: Pins, counters: Counters, default: str, refresh_s: float) -> None:
        self._database = database
        self._pins = pins
        self._counters = counters
        self._default = default
        self._refresh_s = refresh_s
        self._standing: OrderedDict[str, tuple[Standing, float]] = OrderedDict()
        self._documents: OrderedDict[tuple[str, int], tuple[Applied, Applied]] = OrderedDict()
        self._refreshing: dict[str, asyncio.Task[Standing]] = {}

    async def standing(self, who: Identity) -> Standing:
        """The organisation's switch and newest version, up to `refresh_s` old; waited for the first time only."""
        found = self._standing.get(who.organisation_id)
        if found is not None and time.monotonic() < found[1] + self._refresh_s:
            return found[0]
        task = self._refreshing.get(who.organisation_id)
        if task is None:
            task = asyncio.create_task(self._refresh(who.organisation_id))
            self._refreshing[who.organisation_id] = task
            task.add_done_callback(lambda done: self._refreshed(who.organisation_id, done))
        if found is not None:
            return found[0]
        try:
            return await asyncio.wait_for(asyncio.shield(task), TIMEOUT_S)
        except (ServiceError, asyncio.TimeoutError):
            # Nothing is known of this organisation: what it decided must not be guessed.
            return Standing("off", 0)

    def _refreshed(self, organisation_id: str, task: asyncio.Task[Standing]) -> None:
        self._refreshing.pop(organisation_id, None)
        if not task.cancelled():
            # Whoever waited has heard of it; without this, asyncio complains where nobody did.
            task.exception()

    def forget(self, organisation_id: str) -> None:
        """Reads anew what somebody has just changed."""
        self._standing.pop(organisation_id, None)

    async def _refresh(self, organisation_id: str) -> Standing:
        def read(connection: Connection) -> Standing:
            mode = policies.get_learning(connection, organisation_id, self._default)["mode"]
            return Standing(mode, policies.newest(connection, organisation_id))

        try:
            standing = await self._database.run(read)
        except ServiceError:
            known = self._standing.get(organisation_id)
            if known is None:
                raise
            standing = known[0]
        self._standing[organisation_id] = (standing, time.monotonic())
        self._standing.move_to_end(organisation_id)
        if len(self._standing) > MAX_ORGANISATIONS:
            self._standing.popitem(last=False)
        return standing

    def at_hand(self, who: Identity, standing: Standing, head: Head | None) -> Applied | None:
        """What a request is compressed with, if it is known without asking anybody; may run in any thread."""
        if standing.mode != "on" or head is None:
            return NOTHING
        version = self._pins.known(who.organisation_id, head.conversation)
        if version is None:
            if standing.version > 0:
                return None
            # There never was a policy, so this is no conversation that had one.
            self._pins.pin_later(who.organisation_id, head.conversation)
            version = 0
        return self._remembered(who.organisation_id, version, head)

    async def ask(self, who: Identity, standing: Standing, head: Head) -> Applied:
        """The same, from whoever knows: the pin from its storage, the document from the database."""
        pin = await self._pins.pin(who.organisation_id, head.conversation, standing.version)
        if pin.source == "new" and head.is_running:
            # It had an earlier request with a tool's output, which this service did not see or forgot.
            self._counters.add(who.organisation_id, "pins_lost")
        elif pin.source != "found":
            self._counters.add(who.organisation_id, f"pins_{pin.source}")
        found = self._remembered(who.organisation_id, pin.version, head)
        if found is not None:
            return found
        try:
            _, _, document = await self._database.run(
                policies.latest, who.organisation_id, pin.version, timeout_s=2 * TIMEOUT_S
            )
        except ServiceError:
            document = None
        if document is None:
            self._counters.add(who.organisation_id, "policies_missing")
            return NOTHING
        try:
            both = _both(document)
        except HeadroomError as error:
            # Whatever a version holds that this core does not read: the request goes on without it.
            logs.event("policy refused", logging.WARNING, version=pin.version, **logs.places(error))
            self._counters.add(who.organisation_id, "policies_refused")
            both = (NOTHING, NOTHING)
        self._documents[who.organisation_id, pin.version] = both
        if len(self._documents) > MAX_DOCUMENTS:
            self._documents.popitem(last=False)
        return both[head.explores]

    def _remembered(self, organisation_id: str, version: int, head: Head) -> Applied | None:
        if version == 0:
            return NOTHING
        found = self._documents.get((organisation_id, version))
        return None if found is None else found[head.explores]


def _both(document: dict[str, object]) -> tuple[Applied, Applied]:
    """What conversations are compressed with, and those that explore: only what people forbade."""
    version = document["version"]
    assert isinstance(version, int)

    def of(only: str | None) -> Applied:
        text = policy.for_core(document, only)
        return Applied(version, load_policy(text) if text else None, policy.dropped(document, only))

    return of(None), of("forbidden")
