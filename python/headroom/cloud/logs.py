"""Logs: one JSON object per line on standard error, without content, keys or addresses with passwords.

Only fields that are named at the call go into a line. Of an exception the type and the places in the code
are logged, never its message, which may quote a request.
"""

from __future__ import annotations

import json
import logging
import time
import traceback
from typing import Any

logger = logging.getLogger("headroom.cloud")


class JsonFormatter(logging.Formatter):
    """Records as JSON. Other libraries' records keep their message, and lose their exceptions' messages."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info and record.exc_info[1] is not None:
            line.update(places(record.exc_info[1]))
        return json.dumps(line, ensure_ascii=False, default=str)


def places(error: BaseException) -> dict[str, Any]:
    """Type and places of an exception."""
    frames = traceback.extract_tb(error.__traceback__)[-12:]
    return {
        "error": type(error).__name__,
        "at": [f"{f.filename.rsplit('/', 1)[-1]}:{f.lineno} {f.name}" for f in frames],
    }


def event(name: str, level: int = logging.INFO, **fields: Any) -> None:
    """Logs one event."""
    if logger.isEnabledFor(level):
        logger.log(level, name, extra={"fields": fields})


def config() -> dict[str, Any]:
    """For `logging.config.dictConfig` in the command and in every worker."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "headroom.cloud.logs.JsonFormatter"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stderr"}},
        "loggers": {
            "headroom": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
            # Its warnings at every odd byte of a port scan would fill the disk.
            "uvicorn.error": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
            "uvicorn.access": {"handlers": [], "level": "CRITICAL", "propagate": False},
        },
        "root": {"handlers": ["stderr"], "level": "WARNING"},
    }
