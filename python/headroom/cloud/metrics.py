"""Prometheus metrics: totals of this process (or of all workers of a node). No organisation, key or content.

With several workers, `serve.py` sets PROMETHEUS_MULTIPROC_DIR before this module is imported, and each worker
keeps its numbers in a file there that any worker can add up.
"""

from __future__ import annotations

import os

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

requests = Counter("headroom_requests", "Requests answered.", ["route", "status"])
request_seconds = Histogram(
    "headroom_request_seconds", "From the head to the end of the answer.", ["route"], buckets=SECONDS
)
core_seconds = Histogram("headroom_core_seconds", "Time of a compression in its thread.", buckets=SECONDS)
tokens_before = Counter("headroom_tokens_before", "Tokens of the messages that came in.")
tokens_after = Counter("headroom_tokens_after", "Tokens of the messages that went out.")
refused = Counter("headroom_refused", "Requests not answered with 2xx, by reason.", ["code"])
originals_stored = Counter("headroom_originals_stored", "Originals put into the store.")
originals_failed = Counter(
    "headroom_originals_failed", "Originals that the store did not take; their hashes were not issued."
)
retrievals = Counter("headroom_retrievals", "Retrievals.", ["outcome"])
learning = Counter("headroom_learning", "What learning and the pins of policies went through.", ["what"])
usage_events = Counter("headroom_usage_events", "Usage events.", ["state"])
limiter_fallbacks = Counter(
    "headroom_limiter_fallbacks", "Rate limits decided by a worker alone, because Redis failed."
)
pending = Gauge("headroom_pending", "Requests in the queue or in a thread.", ["lane"], multiprocess_mode="livesum")
inflight_bytes = Gauge("headroom_inflight_bytes", "Bodies held.", multiprocess_mode="livesum")
spool_bytes = Gauge(
    "headroom_spool_bytes", "Usage that is not in the database yet.", multiprocess_mode="livemostrecent"
)

CONTENT_TYPE = CONTENT_TYPE_LATEST


def exposition() -> bytes:
    """All metrics in Prometheus' text format."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
