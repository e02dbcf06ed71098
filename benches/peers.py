"""The peers that Headroom is compared with, each in its own process, with its defaults.

headroom-ai 0.42.0 gets a virtual environment of its own under .cache/peers (427 MB, made once). It offers
its users no way to empty its caches short of a new process, so every text it is timed on is one that its
process has not seen, after a warm-up on another text.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
import venv
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
WORKER = Path(__file__).with_name("peer_worker.py")
VERSION = "0.42.0"
HEADROOM_AI = f"headroom-ai {VERSION}"
LITELLM = "litellm.compression"
HEADROOM_AI_VENV = ROOT / ".cache" / "peers" / "headroom-ai"

# No peer may fetch anything while it is timed.
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "DO_NOT_TRACK": "1",
}


def use_local_vocabularies() -> None:
    """Lets tiktoken take its vocabularies from an installed litellm, so that nothing is downloaded."""
    spec = importlib.util.find_spec("litellm")
    if spec and spec.submodule_search_locations:
        folder = Path(next(iter(spec.submodule_search_locations))) / "litellm_core_utils" / "tokenizers"
        os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(folder))


def install_headroom_ai() -> Path | None:
    """The Python of the peer's virtual environment, made if need be; None if that cannot be done."""
    python = HEADROOM_AI_VENV / "bin" / "python"
    ready = HEADROOM_AI_VENV / f".installed-{VERSION}"
    if ready.exists():
        return python
    print(f"installing {HEADROOM_AI} into {HEADROOM_AI_VENV.relative_to(ROOT)} (once)", file=sys.stderr)
    venv.create(HEADROOM_AI_VENV, with_pip=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", f"headroom-ai=={VERSION}"]
    if subprocess.run(pip, check=False).returncode:
        return None
    ready.touch()
    return python


class Peer:
    """A peer's process. Use as a context manager.

    Whatever takes longer than `timeout_s` (the start, a call) ends the process and raises TimeoutError; a process
    that ended by itself raises RuntimeError. Neither can be used again.
    """

    def __init__(self, name: str, python: Path | str = sys.executable, timeout_s: float | None = None) -> None:
        self.name = name
        self._timeout_s = timeout_s
        use_local_vocabularies()
        which = {HEADROOM_AI: "headroom-ai", LITELLM: "litellm"}[name]
        # The folder of this file must not stand in the peer's import path.
        self._process = subprocess.Popen(
            [str(python), "-P" if sys.version_info >= (3, 11) else "-B", str(WORKER), which],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | OFFLINE,
            cwd=ROOT / ".cache",
        )
        self.import_s: float = self._read()["import_s"]

    def compress(self, messages: list[dict[str, Any]], model: str, **options: Any) -> dict[str, Any]:
        """{"wall", "cpu", "messages"}, or {"error"}."""
        assert self._process.stdin is not None
        print(
            json.dumps({"messages": messages, "model": model, "options": options}),
            file=self._process.stdin,
            flush=True,
        )
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        late = threading.Event()

        def end() -> None:
            late.set()
            self._process.kill()

        alarm = threading.Timer(self._timeout_s, end) if self._timeout_s is not None else None
        if alarm:
            alarm.daemon = True
            alarm.start()
        line = self._process.stdout.readline()
        if alarm:
            alarm.cancel()
        if late.is_set():
            raise TimeoutError(f"{self.name} took longer than {self._timeout_s:.0f} s")
        if not line:
            raise RuntimeError(f"{self.name} ended with {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
