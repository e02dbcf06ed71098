"""Request bodies: decode the content coding, compress, encode again.

The application sees the coding the client used, so that what the headers say stays true. Everything
outside changed strings is byte-identical (the core splices); a decoded body is bounded, so a
decompression bomb is handed on untouched. Runs in worker threads; never raises.
"""

from __future__ import annotations

import gzip
import time
import zlib
from collections.abc import Callable
from typing import Any

from headroom._core import HeadroomError
from headroom.compression import compress_body
from headroom.integrations.cloud_client import CloudError
from headroom.integrations.cloud_reply import check_reply
from headroom.integrations.engine import BELOW_MIN, NEVER, NOTHING, count_gain, make_cloud, once, with_policy
from headroom.integrations.json_strings import Document
from headroom.integrations.ledger import Ledger, Outcome
from headroom.integrations.settings import Settings

# Speed against size of a body that goes one hop: level 6 takes ten times as long for a tenth less.
GZIP_LEVEL = 1


class NotDecoded(Exception):
    """The body's content coding is unknown, broken, or unpacks to too much."""


class Rewriter:
    """Compresses bodies with one set of settings."""

    def __init__(self, settings: Settings, ledger: Ledger, max_body_bytes: int) -> None:
        self._settings = settings
        self._ledger = ledger
        self._max = max_body_bytes
        self.cloud = make_cloud(settings)
        # A token has at least one byte. A coded body may unpack to far more, but not from nothing.
        self.min_bytes = min(settings.min_tokens, 64)

    def rewrite(self, body: bytes, coding: bytes | None) -> tuple[bytes | None, Outcome]:
        """The new body, or `None` to hand on what came, and what to count."""
        start = time.perf_counter()
        try:
            plain, encode = decode(body, coding, self._max)
            if len(plain) < self._settings.min_tokens:
                return None, Outcome("skipped", BELOW_MIN)
            new, before, after = self._compress(plain)
            seconds = time.perf_counter() - start
            if new is None:
                reason = BELOW_MIN if before < self._settings.min_tokens else NOTHING
                return None, Outcome("skipped", reason, before, before, seconds)
            return encode(new), Outcome("compressed", "", before, after, seconds)
        except NotDecoded as error:
            return None, Outcome("skipped", str(error))
        except HeadroomError as error:
            # Not a body of ours: another format, broken JSON. The application will say what it thinks of it.
            return None, Outcome("skipped", type(error).__name__)
        except Exception as error:  # noqa: BLE001  # the request must go on whatever happens here
            kind = type(error).__name__
            once.warn(f"body:{kind}", "compressing a body failed (%s); it is handed on as it came", kind)
            return None, Outcome("failed", kind, seconds=time.perf_counter() - start)

    def _compress(self, body: bytes) -> tuple[bytes | None, int, int]:
        config = with_policy(self._settings.config, self._ledger)
        limit = self._settings.model_limit

        def core(min_tokens: int) -> tuple[bytes | None, int, int]:
            new, result = compress_body(body, None, limit, config, min_tokens=min_tokens)
            return new, result.tokens_before, result.tokens_after

        if self.cloud is not None:
            # Counts without compressing, and refuses what is not a request before anything leaves.
            _, before, _ = core(NEVER)
            if before < self._settings.min_tokens:
                return None, before, before
            try:
                new, saved = self._at_service(body)
                self._ledger.event("cloud ok")
                return new, before, before - saved
            except CloudError as error:
                self._ledger.event("cloud failed: " + error.kind)
                once.warn(f"cloud:{error.kind}", "the Headroom service failed (%s)", error.kind)
                if self._settings.on_cloud_error == "original":
                    raise
        return core(config.min_tokens)

    def _at_service(self, body: bytes) -> tuple[bytes | None, int]:
        document = Document(body)
        name = "messages" if isinstance(document.value.get("messages"), list) else "input"
        messages = document.value.get(name)
        if not isinstance(messages, list):
            raise CloudError("no list of messages")
        model = document.value.get("model")
        model = model if isinstance(model, str) else "gpt-4o"

        def check(reply: Any) -> tuple[list[Any], int]:
            new, changed = check_reply(messages, reply)
            return new, count_gain(changed, model)

        assert self.cloud is not None
        request = {"messages": messages, "model": model, "model_limit": self._settings.model_limit}
        new, saved = self.cloud.compress(request, check)
        return (document.with_changes(name, new), saved) if saved > 0 else (None, 0)


def decode(body: bytes, coding: bytes | None, limit: int) -> tuple[bytes, Callable[[bytes], bytes]]:
    """The body without its content coding, and the function that puts it on again.

    Raises:
        NotDecoded: see there.
    """
    name = (coding or b"identity").lower()
    if name == b"identity":
        return body, bytes
    if name in (b"gzip", b"x-gzip"):
        return _inflate(body, 16 + zlib.MAX_WBITS, limit), _gzip
    if name == b"deflate":
        # The standard says zlib; many clients send raw deflate.
        is_zlib = len(body) > 1 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
        if is_zlib:
            return _inflate(body, zlib.MAX_WBITS, limit), lambda new: zlib.compress(new, GZIP_LEVEL)
        return _inflate(body, -zlib.MAX_WBITS, limit), _raw_deflate
    if name == b"br":
        return _brotli(body, limit)
    raise NotDecoded("content coding")


def _inflate(body: bytes, window: int, limit: int) -> bytes:
    try:
        made = zlib.decompressobj(window)
        out = made.decompress(body, limit + 1)
    except zlib.error:
        raise NotDecoded("broken content coding") from None
    if len(out) > limit:
        raise NotDecoded("body too large")
    if not made.eof or made.unused_data:
        raise NotDecoded("broken content coding")
    return out


def _gzip(body: bytes) -> bytes:
    return gzip.compress(body, GZIP_LEVEL, mtime=0)


def _raw_deflate(body: bytes) -> bytes:
    made = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return made.compress(body) + made.flush()


def _brotli(body: bytes, limit: int) -> tuple[bytes, Callable[[bytes], bytes]]:
    try:
        import brotli
    except ImportError:
        raise NotDecoded("content coding") from None
    try:
        made = brotli.Decompressor()
        # Without a bound on what comes out (brotli before 1.2) a small body could unpack to gigabytes.
        out = made.process(body, output_buffer_limit=limit + 1)
        while len(out) <= limit and not made.is_finished():
            more = made.process(b"", output_buffer_limit=limit + 1 - len(out))
            if not more:
                raise NotDecoded("broken content coding")
            out += more
    except TypeError:
        raise NotDecoded("content coding") from None
    except brotli.error:
        raise NotDecoded("broken content coding") from None
    if len(out) > limit:
        raise NotDecoded("body too large")
    return out, lambda new: bytes(brotli.compress(new, quality=4))
