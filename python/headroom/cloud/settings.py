"""Settings of the service: command line over environment (`HEADROOM_CLOUD_*`) over defaults.

Workers are processes of their own and read what the command decided from their environment. Values that hold
passwords are `SecretStr`, so that no `repr` shows them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from headroom.integrations.cloud_client import is_loopback

ENV_PREFIX = "HEADROOM_CLOUD_"


def default_data_dir() -> Path:
    """Where figures (never content) are kept: the state folder of the user who runs the service."""
    base = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return Path(base) / "headroom"


class ServiceSettings(BaseSettings):
    """Every setting; docs/service.md has the table (a test compares the two)."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, extra="ignore", frozen=True, hide_input_in_errors=True)

    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8787, ge=0, le=65535, description="port to listen on")
    workers: int = Field(default=1, ge=1, le=256, description="worker processes")
    database: SecretStr | None = Field(
        default=None, description="sqlite:///path or postgresql://…; default: a file in data_dir"
    )
    redis: SecretStr | None = Field(default=None, description="redis:// URL for originals and shared rate limits")
    store: SecretStr | None = Field(
        default=None, description="where originals are kept, if not in redis: memory:// or sqlite:///path"
    )
    data_dir: Path = Field(
        default_factory=default_data_dir, description="folder for the default database and the spool"
    )

    auth: Literal["auto", "keys", "none"] = Field(
        default="auto", description="auto: keys are needed as soon as one exists; keys: always; none: never"
    )
    allow_no_keys: bool = Field(default=False, description="allow listening beyond loopback without keys")
    metrics_token: SecretStr | None = Field(default=None, description="bearer token for /metrics where keys are needed")
    key_refresh_s: float = Field(default=5.0, gt=0, le=300, description="a revoked key works at most this long")
    key_stale_s: float = Field(
        default=900.0, ge=0, le=86400, description="known keys go on working this long without database"
    )
    sign_ins_per_minute: int = Field(
        default=10, ge=1, description="tries to sign in at the dashboard, per client address"
    )

    tls_cert: Path | None = Field(default=None, description="certificate chain, PEM")
    tls_key: Path | None = Field(default=None, description="private key, PEM")
    trusted_proxies: str = Field(
        default="", description="addresses whose X-Forwarded-* headers are believed, comma-separated"
    )

    max_body_bytes: int = Field(default=10 << 20, ge=1024, le=1 << 30, description="largest body, also after unpacking")
    max_inflight_bytes: int = Field(default=256 << 20, ge=1 << 20, description="bodies held at once, per worker")
    max_connections: int = Field(default=2000, ge=1, description="connections at once, per worker")
    header_timeout_s: float = Field(default=10.0, gt=0, le=600, description="time for a request's head")
    body_timeout_s: float = Field(default=30.0, gt=0, le=600, description="time for a request's body")
    request_timeout_s: float = Field(default=30.0, gt=0, le=600, description="time in the queue and in the core")
    write_timeout_s: float = Field(
        default=30.0, gt=0, le=600, description="time a client may take no byte of its answer"
    )
    keep_alive_s: int = Field(default=75, ge=1, le=3600, description="time an idle connection is kept")
    drain_s: int = Field(default=30, ge=1, le=3600, description="time requests have to finish after SIGTERM")

    threads: int = Field(
        default=0, ge=0, le=256, description="threads that compress, per worker; 0: cores divided by workers"
    )
    max_queued: int = Field(default=256, ge=1, le=100_000, description="requests waiting for a thread, per worker")
    level: Literal["lossless", "balanced", "aggressive"] = Field(
        default="balanced", description="level where a request has none"
    )
    min_tokens: int = Field(default=0, ge=0, description="requests with fewer tokens stay as they are")

    original_ttl_s: int = Field(default=86_400, ge=60, description="how long an original can be retrieved")
    learning: Literal["on", "observe", "off"] = Field(
        default="on", description="what agents use of tools' outputs: learned and applied, only learned, or neither"
    )
    learning_shared: bool = Field(
        default=False, description="let organisations that want it share which fields are unused (k >= 5, noise)"
    )
    pin_ttl_s: int = Field(
        default=604_800, ge=60, le=31_536_000, description="how long an idle conversation keeps its policy"
    )

    requests_per_minute: int | None = Field(
        default=None, ge=1, description="rate limit of keys that have none of their own"
    )

    max_spool_bytes: int = Field(
        default=256 << 20, ge=1 << 20, description="usage waiting for the database, per worker"
    )
    flush_s: float = Field(default=1.0, gt=0, le=60, description="how often usage goes to the database")
    keep_events_days: int = Field(default=30, ge=0, description="retention of single usage events; 0: none are written")
    keep_minutes_days: int = Field(default=7, ge=1, description="retention of figures per minute")
    keep_hours_days: int = Field(default=90, ge=1, description="retention of figures per hour")
    keep_days_days: int = Field(default=800, ge=1, description="retention of figures per day")
    access_log: bool = Field(default=False, description="log every request, not only failures")

    @field_validator("database")
    @classmethod
    def _database(cls, value: SecretStr | None) -> SecretStr | None:
        return _scheme(value, "database", ("sqlite", "postgresql", "postgres"))

    @field_validator("redis")
    @classmethod
    def _redis(cls, value: SecretStr | None) -> SecretStr | None:
        return _scheme(value, "redis", ("redis", "rediss"))

    @property
    def loopback(self) -> bool:
        """True if only this machine can reach the service."""
        return is_loopback(self.host)

    @property
    def database_url(self) -> str:
        """The database, as SQLAlchemy names it."""
        if self.database is None:
            return f"sqlite:///{self.data_dir.absolute() / 'headroom.db'}"
        url = self.database.get_secret_value()
        scheme, rest = url.split("://", 1)
        return f"postgresql+psycopg://{rest}" if scheme in ("postgresql", "postgres") else url

    @property
    def threads_per_worker(self) -> int:
        """Threads of one worker that compress."""
        return self.threads or max(1, (os.cpu_count() or 1) // self.workers)

    def as_environment(self) -> dict[str, str]:
        """What a worker process needs in its environment to have the same settings."""
        out = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, SecretStr):
                value = value.get_secret_value()
            if value is not None:
                out[ENV_PREFIX + name.upper()] = str(value)
        return out


def _scheme(value: SecretStr | None, name: str, allowed: tuple[str, ...]) -> SecretStr | None:
    # An empty variable is one that was not set.
    if value is None or not value.get_secret_value():
        return None
    scheme = value.get_secret_value().split("://", 1)[0]
    if scheme not in allowed or "://" not in value.get_secret_value():
        # The scheme may be shown; the rest may hold a password.
        raise ValueError(f"{name} must be a URL that starts with {' or '.join(f'{a}://' for a in allowed)}")
    return value


def table() -> str:
    """The table of settings in docs/service.md; `python -m headroom.cloud.settings` prints it."""
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    for name, field in ServiceSettings.model_fields.items():
        # Of the two that are computed, one depends on the user's home.
        default = "`~/.local/state/headroom`" if field.default_factory else f"`{field.default}`"
        shown = "–" if field.default in (None, "") else default
        lines.append(f"| `{name}` | {shown} | {field.description} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(), end="")
