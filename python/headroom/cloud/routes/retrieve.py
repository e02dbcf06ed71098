"""GET /v1/retrieve/{hash}?query=."""

from __future__ import annotations

import time

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from headroom.cloud import labels
from headroom.cloud.errors import ServiceError
from headroom.cloud.learning.learner import Retrieval
from headroom.cloud.originals import matching
from headroom.cloud.service import Service


async def retrieve(request: Request, service: Service) -> Response:
    """An original, or the part of it that answers a query."""
    started = time.perf_counter()
    about = request.scope["state"]["about"]
    about["route"] = "/v1/retrieve"
    who = await service.auth.identify(request, "compress")
    try:
        await service.limiter.check(who)
        hash_ = request.path_params["hash"]
        original, origin = await service.originals.get(who, hash_)
        text = original
        query = request.query_params.get("query", "")
        complete = True
        if query.strip():
            lane = service.lanes.of(len(text))
            text, complete = await lane.run(service.settings.request_timeout_s, matching, hash_, text, query)
    except ServiceError as error:
        about["code"] = error.code
        service.record(who, "retrieve", error.code, started)
        raise
    known = {"origin_tools": [labels.origin(origin.tool)], "origin_kinds": list(origin.kinds)} if origin else {}
    service.record(who, "retrieve", "ok", started, **known)
    service.learning.offer(Retrieval(who, hash_, query, original, text))
    body = {"hash": hash_, "original_content": text, "complete": complete}
    return Response(msgspec.json.encode(body), media_type="application/json")
