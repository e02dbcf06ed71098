"""What peers made of each case, kept on disk: a change of ours must not cost an hour of theirs again.

`.cache/quality/answers.sqlite` holds, per (peer with its version, options, model, messages), the messages that came
back or the error. The key is a digest of all of that and of nothing else, so a case that changed is computed anew
and all others are read. A process that ends, hangs or cannot start is an error of that case: it is started again for
the next one, and given up after `MAX_DEATHS` in a row; such an end is not kept, the next run tries again. Each answer
is committed at once: an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import sys
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any

import peers

STORE = peers.ROOT / ".cache" / "quality" / "answers.sqlite"
TIMEOUT_S = 180.0
"""Of a start or one call. Imports of 15 s were seen while the machine did other things."""
MAX_DEATHS = 3
"""Processes that end or hang one after the other, before the rest of the cases is an error without a try."""

Messages = list[dict[str, Any]]


class CachedPeer:
    """One peer. Use as a context manager; the process is only started if something is not in the store yet."""

    def __init__(self, name: str, version: str, python: Path | str = sys.executable, store: Path = STORE) -> None:
        self.name = name
        self.computed = 0
        self._version, self._python = version, python
        self._process: peers.Peer | None = None
        self._deaths = 0
        store.parent.mkdir(parents=True, exist_ok=True)
        self._store = sqlite3.connect(store)
        self._store.execute("CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer BLOB NOT NULL)")

    def compress(self, messages: Messages, model: str, **options: Any) -> tuple[Messages | None, str]:
        """(messages, ""), or (None, what went wrong)."""
        asked = json.dumps([self.name, self._version, model, options, messages], sort_keys=True)
        key = hashlib.sha256(asked.encode("utf-8", "surrogatepass")).hexdigest()
        row = self._store.execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchone()
        if row:
            answer = json.loads(zlib.decompress(row[0]))
        else:
            answer = self._ask(messages, model, options)
            self.computed += 1
            if not answer.get("ended"):
                blob = zlib.compress(json.dumps(answer).encode())
                with self._store:
                    self._store.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (key, blob))
        return answer.get("messages"), answer.get("error", "")

    def _ask(self, messages: Messages, model: str, options: dict[str, Any]) -> dict[str, Any]:
        if self._deaths >= MAX_DEATHS:
            return {"error": "not tried: its process ended too often", "ended": True}
        try:
            if self._process is None:
                peers.ROOT.joinpath(".cache").mkdir(exist_ok=True)
                self._process = peers.Peer(self.name, self._python, TIMEOUT_S)
            answer = self._process.compress(messages, model, **options)
        except (RuntimeError, OSError, ValueError) as error:
            self._stop()
            self._deaths += 1
            return {"error": str(error) or repr(error), "ended": True}
        self._deaths = 0
        return {k: v for k, v in answer.items() if k in ("messages", "error")}

    def _stop(self) -> None:
        if self._process is not None:
            self._process.__exit__(None, None, None)
            self._process = None

    def __enter__(self) -> CachedPeer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        self._store.close()
