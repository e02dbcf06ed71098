"""Settings of the integrations: arguments, `HEADROOM_*` variables and LiteLLM's YAML, one table.

An argument wins over the YAML, the YAML over the environment, the environment over the default.
Only `arguments_from` takes the environment; `Settings.make` takes from it what has no default: cloud key, URL, policy.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, cast

from headroom.compression import CompressConfig, compress, make_config

if TYPE_CHECKING:
    from headroom.compression import Level

OnCloudError = Literal["local", "original"]
Ccr = Literal["auto"] | bool

DEFAULT_MIN_TOKENS = 500
DEFAULT_MODEL_LIMIT = 200_000
# A compression of 100 KB takes milliseconds here; a service that needs longer than this is no help.
DEFAULT_CLOUD_TIMEOUT_S = 5.0

CALL_TYPES = (
    "completion",
    "acompletion",
    "responses",
    "aresponses",
    "anthropic_messages",
    "aanthropic_messages",
)


@dataclass(frozen=True)
class Settings:
    """What an integration does.

    Attributes:
        min_tokens: requests with fewer tokens go out as they came.
        model_limit: context window in tokens; the model's own window counts where it is smaller.
        api_key: key of a Headroom service; without a URL it is not used.
        api_url: the service. There is no default.
        on_cloud_error: what to do when the service fails: compress here, or send the original.
        cloud_timeout_s: longest time one request to the service may take.
        call_types: which of LiteLLM's calls are compressed.
        ccr: whether the model gets a tool to fetch what was left out (LiteLLM's asynchronous calls).
        config: level, target_ratio, query and policy of the compression, the store and owner of what was left out.
    """

    min_tokens: int = DEFAULT_MIN_TOKENS
    model_limit: int = DEFAULT_MODEL_LIMIT
    api_key: str | None = field(default=None, repr=False)
    api_url: str | None = None
    on_cloud_error: OnCloudError = "local"
    cloud_timeout_s: float = DEFAULT_CLOUD_TIMEOUT_S
    call_types: frozenset[str] = frozenset(CALL_TYPES)
    ccr: Ccr = "auto"
    config: CompressConfig = field(default_factory=CompressConfig)

    def __post_init__(self) -> None:
        if not isinstance(self.min_tokens, int) or self.min_tokens < 0:
            raise ValueError(f"min_tokens must be a whole number, 0 or more, not {self.min_tokens!r}")
        if not isinstance(self.model_limit, int) or self.model_limit < 1:
            raise ValueError(f"model_limit must be a whole number of tokens above 0, not {self.model_limit!r}")
        if self.on_cloud_error not in ("local", "original"):
            raise ValueError(f'on_cloud_error must be "local" or "original", not {self.on_cloud_error!r}')
        if not self.cloud_timeout_s > 0:
            raise ValueError(f"cloud_timeout_s must be above 0, not {self.cloud_timeout_s!r}")
        if self.config.retrieval:
            raise ValueError("retrieval is not for integrations to be told; the LiteLLM callback has ccr for it")
        if self.ccr not in ("auto", True, False):
            raise ValueError(f'ccr must be "auto", True or False, not {self.ccr!r}')
        # What would be refused of every request is refused at once. (Policies are read where they are used.)
        compress([], config=replace(self.config, policy=None))
        if unknown := sorted(self.call_types - set(CALL_TYPES)):
            raise ValueError(f"unknown call type {', '.join(map(repr, unknown))}; allowed: {', '.join(CALL_TYPES)}")

    @classmethod
    def make(
        cls,
        min_tokens: int,
        model_limit: int,
        api_key: str | None,
        api_url: str | None,
        config: CompressConfig | None,
        config_fields: Mapping[str, Any],
        call_types: Iterable[str] | None = None,
        on_cloud_error: OnCloudError = "local",
        cloud_timeout_s: float = DEFAULT_CLOUD_TIMEOUT_S,
        ccr: Ccr = "auto",
    ) -> Settings:
        """Settings from the arguments of an integration; key, URL and policy may come from the environment."""
        made = make_config(config, dict(config_fields))
        if made.policy is None:
            made = replace(made, policy=os.environ.get("HEADROOM_POLICY") or None)
        if made.min_tokens and min_tokens == DEFAULT_MIN_TOKENS:
            min_tokens = made.min_tokens
        if isinstance(call_types, str):
            call_types = [call_types]
        return cls(
            min_tokens=min_tokens,
            model_limit=model_limit,
            api_key=api_key or os.environ.get("HEADROOM_API_KEY") or None,
            api_url=api_url or os.environ.get("HEADROOM_API_URL") or None,
            on_cloud_error=on_cloud_error,
            cloud_timeout_s=cloud_timeout_s,
            call_types=frozenset(CALL_TYPES if call_types is None else call_types),
            ccr=ccr,
            # One thread a request: a server has other requests to serve.
            config=replace(made, min_tokens=min_tokens, max_threads=made.max_threads or 1),
        )


def variables() -> set[str]:
    """The names of the variables that set an argument."""
    return {"HEADROOM_" + name.upper() for name in _READERS}


def arguments_from(environ: Mapping[str, str], yaml: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of an integration that was named, not constructed: YAML over environment.

    Raises:
        ValueError: a value that cannot be read, with the name of the variable or setting.
    """
    given: dict[str, Any] = {}
    for name, read in _READERS.items():
        variable = "HEADROOM_" + name.upper()
        # The process's own store reads its variable itself: one store for the callback and `headroom.retrieve`.
        if name != "store" and (value := environ.get(variable)):
            given[name] = _read(read, value, variable)
    if unknown := sorted(set(yaml) - set(_READERS)):
        raise ValueError(
            f"unknown setting {', '.join(map(repr, unknown))} for headroom; allowed: {', '.join(_READERS)}"
        )
    for name, value in yaml.items():
        if value is not None:
            given[name] = _read(_READERS[name], value, name)
    return given


def _read(read: Any, value: Any, name: str) -> Any:
    try:
        return read(value)
    except (TypeError, ValueError) as error:
        # The value of a key must not get into a message, so no value does.
        raise ValueError(f"{name} cannot be read: expected {getattr(read, '__name__', 'a value')}") from error


def _names(value: Any) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else list(value)
    return tuple(str(p).strip() for p in parts if str(p).strip())


def _level(value: Any) -> Level:
    return cast("Level", str(value))


def _on_error(value: Any) -> OnCloudError:
    return cast(OnCloudError, str(value))


def _ccr(value: Any) -> Ccr:
    text = str(value).strip().lower()
    if text == "auto":
        return "auto"
    if text in ("true", "1", "yes", "on"):
        return True
    if text in ("false", "0", "no", "off"):
        return False
    raise ValueError(text)


_READERS: dict[str, Any] = {
    "min_tokens": int,
    "model_limit": int,
    "level": _level,
    "target_ratio": float,
    "call_types": _names,
    "api_key": str,
    "api_url": str,
    "on_cloud_error": _on_error,
    "cloud_timeout_s": float,
    "ccr": _ccr,
    "store": str,
    "policy": str,
}
