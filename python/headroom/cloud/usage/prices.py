"""What tokens cost, from LiteLLM's table where it is installed. LiteLLM itself is not imported (2 s, 200 MB).

Two prices per model: of a fresh input token, and of one that the provider's cache already has. Which of the
saved tokens the provider would have charged at which price is not known here, so both sums are given: the
truth lies between them.
"""

from __future__ import annotations

import functools
import importlib.util
import json
from pathlib import Path
from typing import Any

FILE = "model_prices_and_context_window_backup.json"


@functools.lru_cache(maxsize=1)
def table() -> dict[str, Any]:
    """Model to prices; empty without LiteLLM."""
    spec = importlib.util.find_spec("litellm")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        try:
            found = json.loads((Path(folder) / FILE).read_text())
        except (OSError, ValueError):
            continue
        if isinstance(found, dict):
            return found
    return {}


@functools.lru_cache(maxsize=4096)
def price(model: str) -> tuple[float, float] | None:
    """Dollars per input token: (fresh, cached). Without a cached price the model has no cache: both are the same."""
    prices = table()
    names = [model, *(model.split("/", i)[i] for i in range(1, model.count("/") + 1))]
    for name in names:
        entry = prices.get(name)
        if isinstance(entry, dict) and isinstance(entry.get("input_cost_per_token"), int | float):
            fresh = float(entry["input_cost_per_token"])
            cached = entry.get("cache_read_input_token_cost")
            return fresh, float(cached) if isinstance(cached, int | float) else fresh
    return None
