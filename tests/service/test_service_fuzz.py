"""schemathesis over the OpenAPI document, against a running service: no undocumented answer, no 5xx."""

from __future__ import annotations

import os

import pytest
from headroom.cloud import openapi
from headroom.cloud.app import ROUTES
from running import LONG, Service

schemathesis = pytest.importorskip("schemathesis")

from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

SCHEMA = schemathesis.openapi.from_dict(openapi.document())
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 400 if LONG or os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 25


def test_the_document_describes_every_route() -> None:
    described = {(method.upper(), path) for path, item in openapi.document()["paths"].items() for method in item}
    assert described == {(method, path) for method, path, _ in ROUTES}


@SCHEMA.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
def test_every_answer_is_a_documented_one(open_service: Service, case: schemathesis.Case) -> None:
    case.call_and_validate(base_url=open_service.url, checks=CHECKS)


def test_the_documents_example_works(open_service: Service) -> None:
    reply = open_service.client.post("/v1/compress", json=openapi.EXAMPLE)
    assert reply.status_code == 200
    assert open_service.get("/openapi.json").json() == openapi.document()


def test_the_service_still_lives(open_service: Service) -> None:
    assert open_service.get("/healthz").status_code == 200
    assert '"event": "failed"' not in open_service.log
