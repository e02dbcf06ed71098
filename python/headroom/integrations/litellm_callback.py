"""The callback for LiteLLM, for programs and for the proxy's YAML.

    from headroom.integrations.litellm_callback import HeadroomCallback
    litellm.callbacks = [HeadroomCallback()]

    litellm_settings:
      callbacks: ["headroom.integrations.litellm_callback.HeadroomCallback"]

The YAML names a class, but the proxy wants an instance (some versions refuse a class, others fail at the
first request). So the name is looked up through `__getattr__`: the proxy's loader gets the instance
`proxy_handler_instance`, everyone else the class. That instance takes its settings from the YAML's
`callback_settings: {headroom: ...}` and from `HEADROOM_*` variables.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from headroom.integrations import litellm_hooks
from headroom.integrations.settings import arguments_from

if TYPE_CHECKING:
    from headroom.integrations.litellm_hooks import HeadroomCallback

    proxy_handler_instance: HeadroomCallback

__all__ = ["HeadroomCallback", "proxy_handler_instance"]

litellm_hooks.HeadroomCallback.__module__ = __name__

_LOADER = "litellm.proxy"
_lock = threading.Lock()
_instances: list[Any] = []


def _yaml_settings() -> dict[str, Any]:
    import litellm

    server = sys.modules.get("litellm.proxy.proxy_server")
    for place in (litellm, server):
        settings = getattr(place, "callback_settings", None)
        if isinstance(settings, dict) and isinstance(settings.get("headroom"), dict):
            return dict(settings["headroom"])
    return {}


def _instance() -> Any:
    with _lock:
        if not _instances:
            arguments = arguments_from(os.environ, _yaml_settings())
            _instances.append(litellm_hooks.HeadroomCallback(**arguments))
        return _instances[0]


def __getattr__(name: str) -> Any:
    if name == "proxy_handler_instance":
        return _instance()
    if name == "HeadroomCallback":
        caller = sys._getframe(1).f_globals.get("__name__", "")
        if caller == _LOADER or caller.startswith(_LOADER + "."):
            return _instance()
        return litellm_hooks.HeadroomCallback
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
