"""Scripts, styles and pictures of the pages: read once, packed once, cached by browsers under a name with a digest."""

from __future__ import annotations

import functools
import gzip
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import Response

MEDIA = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
FOREVER = "public, max-age=31536000, immutable"
MIN_PACKED_BYTES = 1024


@dataclass(frozen=True)
class File:
    """A file as it is served."""

    body: bytes
    packed: bytes | None
    media: str
    digest: str


@functools.lru_cache(maxsize=1)
def all_files() -> dict[str, File]:
    """Every file by its name."""
    found = {}
    for entry in files("headroom.cloud.dashboard").joinpath("static").iterdir():
        media = MEDIA.get(PurePosixPath(entry.name).suffix)
        if media is not None:
            body = entry.read_bytes()
            packed = gzip.compress(body, mtime=0) if len(body) >= MIN_PACKED_BYTES else None
            found[entry.name] = File(body, packed, media, hashlib.sha256(body).hexdigest()[:16])
    return found


def url(name: str) -> str:
    """Where a file is, with its digest, so that a new version is a new URL."""
    return f"/dashboard/static/{name}?v={all_files()[name].digest}"


def answer(request: Request, name: str) -> Response | None:
    """The file; None if there is none of this name."""
    file = all_files().get(name)
    if file is None:
        return None
    # Another digest is a page of another version, during a roll-out: what it gets must not be kept under that name.
    cache = FOREVER if request.query_params.get("v") == file.digest else "no-store"
    headers = {"cache-control": cache, "vary": "accept-encoding", "content-type": file.media}
    if file.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.packed, headers={**headers, "content-encoding": "gzip"})
    return Response(file.body, headers=headers)
