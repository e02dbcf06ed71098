"""POST /v1/compress and /v1/saas/compress."""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.responses import Response

from headroom.cloud import labels, metrics, wire
from headroom.cloud.auth import Identity
from headroom.cloud.bodies import need_json
from headroom.cloud.errors import ServiceError
from headroom.cloud.learning.applied import Applied
from headroom.cloud.service import Service

BYPASS = "x-headroom-bypass"
FALLBACKS = "x-headroom-fallbacks"
"""Requests that the client has compressed itself since the last answer, because there was none."""


async def compress(request: Request, service: Service) -> Response:
    """Compresses the messages of a request."""
    started = time.perf_counter()
    about = request.scope["state"]["about"]
    about["route"] = request.url.path
    who = await service.auth.identify(request, "compress")
    try:
        return await _compress(request, service, who, started)
    except ServiceError as error:
        about["code"] = error.code
        service.record(who, "compress", error.code, started)
        raise


async def _compress(request: Request, service: Service, who: Identity, started: float) -> Response:
    settings = service.settings
    need_json(request)
    await service.limiter.check(who)
    limit = min(settings.max_body_bytes, who.max_body_bytes or settings.max_body_bytes)
    # Refused before the body is read, so that a service at its limit spends nothing on it.
    declared = request.headers.get("content-length", "")
    lane = service.lanes.of(int(declared) if declared.isdigit() else limit)
    lane.check()
    async with service.bodies.read(request, limit) as body:
        lane = service.lanes.of(len(body))
        bypass = request.headers.get(BYPASS, "").lower() == "true"
        coding = request.headers.get("content-encoding", "").strip().encode("latin-1")
        standing = await service.learning.policies.standing(who)

        def work() -> tuple[wire.Unpacked, Applied | None, wire.Compressed | None]:
            unpacked = wire.read(body, coding or None, limit, who.hash_key, standing.mode != "off" and not bypass)
            applied = service.learning.policies.at_hand(who, standing, unpacked.head)
            return unpacked, applied, None if applied is None else compress_with(unpacked, applied)

        def compress_with(unpacked: wire.Unpacked, applied: Applied) -> wire.Compressed:
            return wire.compress(unpacked, settings.level, settings.min_tokens, who.hash_key, bypass, applied)

        unpacked, applied, done = await lane.run(settings.request_timeout_s, work)
        if applied is None or done is None:
            assert unpacked.head is not None
            applied = await service.learning.policies.ask(who, standing, unpacked.head)
            done = await lane.run(settings.request_timeout_s, compress_with, unpacked, applied)
        stored = bool(done.originals) and await service.originals.keep(who, done.originals, done.origins)
        reply = done.reply(stored)
        new = [done.origins[hash] for hash in done.new_hashes] if stored else []
        figures = done.figures
        metrics.core_seconds.observe(done.seconds)
        metrics.tokens_before.inc(figures.tokens_before)
        metrics.tokens_after.inc(figures.tokens_after)
        service.record(
            who,
            "bypass" if bypass else "compress",
            "ok",
            started,
            model=labels.model(figures.model),
            provider=labels.provider(figures.model),
            level=figures.level,
            tools=done.tools,
            kinds=labels.kinds(figures.transforms_applied),
            tokens_before=figures.tokens_before,
            tokens_after=figures.tokens_after,
            bytes_in=len(body),
            core_us=int(done.seconds * 1e6),
            originals=len(figures.ccr_hashes),
            origin_tools=[labels.origin(one.tool) for one in new],
            origin_kinds=[kind for one in new for kind in one.kinds],
            unchanged=done.unchanged,
        )
        request.scope["state"]["about"].update(
            model=labels.model(figures.model), tokens_before=figures.tokens_before, tokens_after=figures.tokens_after
        )
        fallbacks = request.headers.get(FALLBACKS, "")
        service.learning.answered(who, unpacked, applied, done.cut if stored else [], fallbacks)
        return Response(reply, media_type="application/json")
