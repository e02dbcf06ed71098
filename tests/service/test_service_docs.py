"""The documentation of the service says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from headroom.cloud import openapi
from headroom.cloud.settings import ENV_PREFIX, ServiceSettings, table

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "service.md").read_text()


def test_the_table_of_settings_is_current() -> None:
    """To renew it: python -m headroom.cloud.settings."""
    assert table() in PAGE


def test_every_endpoint_is_named() -> None:
    for path in openapi.document()["paths"]:
        assert path in PAGE


def test_files_for_deployment_name_real_settings() -> None:
    for path in (ROOT / "deploy").iterdir():
        for name in re.findall(ENV_PREFIX + r"([A-Z_]+)", path.read_text()):
            assert name.lower() in ServiceSettings.model_fields, (path.name, name)


def test_the_threat_model_names_real_tests() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    for name in set(re.findall(r"test_service_\w+\.py", text)):
        assert (ROOT / "tests" / "service" / name).exists(), name
