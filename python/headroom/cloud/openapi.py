"""The OpenAPI document. Written by hand: bodies pass the service as bytes, so no model of them exists.

tests/service/test_service_fuzz.py compares it with the routes and fuzzes the service with it.
"""

from __future__ import annotations

from typing import Any

from headroom import __version__
from headroom.cloud.usage.stats import FILTERS, GROUPS

ERRORS = {
    "400": "The body is not usable JSON, cannot be unpacked, or its sender went away.",
    "401": "No valid key.",
    "403": "The key's role does not allow this.",
    "404": "Unknown, expired, or of another organisation: the same answer.",
    "408": "The body did not arrive in time.",
    "413": "The body is larger than allowed.",
    "415": "Content type or content coding is not known.",
    "421": "Without keys the service answers to names of its own machine only.",
    "422": "JSON or a parameter of a shape that is not allowed.",
    "429": "The key has used up its requests.",
    "503": "At its limit, or something behind the service does not answer. Retry-After says when to try again.",
}

EXAMPLE = {
    "model": "gpt-4o",
    "messages": [
        {"role": "user", "content": "Which request failed?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "read_log", "arguments": "{}"}}],
        },
        {
            "role": "tool",
            "tool_call_id": "call_1",
            "content": "".join(f"2026-11-25 10:00:{i:02d} INFO request {i} done in {i} ms\n" for i in range(20))
            + "2026-11-25 10:00:20 ERROR request 20 failed: timeout\n",
        },
    ],
    "model_limit": 200_000,
    "config": {"mode": "ccr"},
}

FILTER_EXAMPLES = {
    "model": "gpt-4o",
    "provider": "openai",
    "level": "balanced",
    "key": "key_0123456789abcdef",
    "team": "search",
}


def document() -> dict[str, Any]:
    """The document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Headroom",
            "version": __version__,
            "description": "Compresses what an application sends to a language model. Texts are verbatim, re-encoded "
            "without loss, or replaced by a mark that says what is missing; what was left out can be retrieved.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": _paths(),
        "components": {"schemas": _schemas(), "securitySchemes": _security()},
        "security": [{"bearer": []}, {"key": []}, {}],
    }


def _paths() -> dict[str, Any]:
    compress = {
        "summary": "Compress messages",
        "parameters": [
            {
                "name": "x-headroom-bypass",
                "in": "header",
                "description": "`true`: count, and leave the messages as they are.",
                "schema": {"type": "string", "enum": ["true", "false"]},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _ref("CompressRequest"), "example": EXAMPLE}},
        },
        "responses": _responses("CompressReply", "400 401 403 408 413 415 421 422 429 503"),
    }
    return {
        "/v1/compress": {"post": {**compress, "operationId": "compress"}},
        "/v1/saas/compress": {"post": {**compress, "operationId": "compressForCallback"}},
        "/v1/retrieve/{hash}": {
            "get": {
                "operationId": "retrieve",
                "summary": "Retrieve an original",
                "parameters": [
                    {
                        "name": "hash",
                        "in": "path",
                        "required": True,
                        "schema": {"type": "string", "pattern": "^[0-9a-f]{12,24}$"},
                        "example": "0123456789abcdef01234567",
                    },
                    _query("query", "Only what of the original answers this.", "timeout"),
                ],
                "responses": _responses("Original", "401 403 404 421 422 429 503"),
            }
        },
        "/v1/stats": {
            "get": {
                "operationId": "stats",
                "summary": "Figures of the key's organisation",
                "parameters": [
                    _query("from", "Date, time, or an age like `24h`; default: a day before `to`.", "7d"),
                    _query("to", "Date, time, or an age; default: now.", "0m"),
                    _query("group_by", f"Up to four, comma-separated, of: {', '.join(GROUPS)}.", "model,day"),
                    _query("step", "minute, hour or day: the range is widened to whole ones.", "day"),
                    *(_query(name, f"Only this {name}; may be repeated.", FILTER_EXAMPLES[name]) for name in FILTERS),
                ],
                "responses": _responses("Stats", "401 403 421 422 503"),
            }
        },
        "/v1/usage.csv": {
            "get": {
                "operationId": "exportUsage",
                "summary": "Usage events of the key's organisation",
                "parameters": [_query("from", "As for /v1/stats.", "24h"), _query("to", "As for /v1/stats.", "0m")],
                "responses": {
                    "200": {
                        "description": "One line per event.",
                        "content": {"text/csv": {"schema": {"type": "string"}}},
                    },
                    **_errors("401 403 421 422 503"),
                },
            }
        },
        "/v1/audit": {
            "get": {
                "operationId": "audit",
                "summary": "Changes to the organisation's keys and policies",
                "parameters": [
                    {
                        "name": "limit",
                        "in": "query",
                        "schema": {"type": "integer", "minimum": 1, "maximum": 1000},
                        "example": 100,
                    }
                ],
                "responses": _responses("Audit", "401 403 421 422 503"),
            }
        },
        **_policies(),
        "/healthz": _plain("healthz", "The process lives", "application/json", "421"),
        "/readyz": _plain("readyz", "The worker takes requests", "application/json", "421 503"),
        "/metrics": _plain("metrics", "Prometheus metrics", "text/plain", "401 421"),
        "/openapi.json": _plain("openapi", "This document", "application/json", "421"),
        "/": _plain("root", "Name and version", "application/json", "421"),
    }


def _policies() -> dict[str, Any]:
    tool = {"name": "tool", "in": "path", "required": True, "schema": {"type": "string"}, "example": "search_flights"}

    def body(schema: str, example: dict[str, Any]) -> dict[str, Any]:
        return {"required": True, "content": {"application/json": {"schema": _ref(schema), "example": example}}}

    field = {"structure": "9f31c0d2a4b7e855", "path": "$.flights[].fare_basis", "state": "pinned"}
    document = {
        "headroom_policy": 1,
        "version": 1,
        "tools": {"search": {"9f31c0d2a4b7e855": {"drop": ["$.meta.trace"]}}},
    }
    written = "400 401 403 408 413 415 421 422 429 503"
    return {
        "/v1/policies": {
            "get": {
                "operationId": "listPolicies",
                "summary": "What is left out of the outputs of which tools",
                "responses": _responses("Policies", "401 403 421 429 503"),
            }
        },
        "/v1/policies/export": {
            "get": {
                "operationId": "exportPolicy",
                "summary": "The policy as a document",
                "parameters": [_query("version", "Default: the newest.", "0")],
                "responses": _responses("Policy", "401 403 404 421 422 429 503"),
            }
        },
        "/v1/policies/import": {
            "post": {
                "operationId": "importPolicy",
                "summary": "Take over a document: its evidence where it is more, and people's decisions",
                "requestBody": body("Policy", document),
                "responses": _responses("Imported", written),
            }
        },
        "/v1/policies/{tool}": {
            "get": {
                "operationId": "getPolicy",
                "summary": "The evidence of one tool",
                "parameters": [tool],
                "responses": _responses("ToolPolicy", "401 403 404 421 429 503"),
            }
        },
        "/v1/policies/{tool}/fields": {
            "put": {
                "operationId": "decideField",
                "summary": "Keep a field always (pinned), never (forbidden), or by evidence (auto)",
                "parameters": [tool],
                "requestBody": body("Decision", field),
                "responses": _responses("Decided", written),
            }
        },
        "/v1/learning": {
            "post": {
                "operationId": "switchLearning",
                "summary": "Switch learning (on, observe, off), and taking part in what organisations share",
                "requestBody": body("Learning", {"mode": "on"}),
                "responses": _responses("Learning", written),
            }
        },
    }


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _query(name: str, description: str, example: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": {"type": "string"}, "example": example}


def _errors(statuses: str) -> dict[str, Any]:
    content = {"application/json": {"schema": _ref("Error")}}
    return {status: {"description": ERRORS[status], "content": content} for status in statuses.split()}


def _responses(schema: str, errors: str) -> dict[str, Any]:
    done = {"description": "Done.", "content": {"application/json": {"schema": _ref(schema)}}}
    return {"200": done, **_errors(errors)}


def _plain(name: str, summary: str, media: str, errors: str) -> dict[str, Any]:
    schema = {"type": "object"} if media == "application/json" else {"type": "string"}
    done = {"description": "Done.", "content": {media: {"schema": schema}}}
    return {"get": {"operationId": name, "summary": summary, "responses": {"200": done, **_errors(errors)}}}


def _security() -> dict[str, Any]:
    return {
        "bearer": {"type": "http", "scheme": "bearer", "description": "A key: `hdr_…`"},
        "key": {"type": "apiKey", "in": "header", "name": "X-Headroom-Key"},
    }


def _object(required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required.split(), "properties": properties}


def _schemas() -> dict[str, Any]:
    string, count, number = {"type": "string"}, {"type": "integer", "minimum": 0}, {"type": "number"}
    strings = {"type": "array", "items": string}
    messages = {"type": "array", "items": {"type": "object"}}
    level = {"enum": ["lossless", "balanced", "aggressive", None]}
    figures = dict.fromkeys(("requests", "tokens_before", "tokens_after", "tokens_saved"), count)
    config = _object(
        "",
        mode={"type": ["string", "null"], "description": "`ccr`: whoever reads the messages can retrieve originals."},
        level=level,
        target_ratio={"type": ["number", "null"], "exclusiveMinimum": 0, "maximum": 1},
        min_tokens={"type": ["integer", "null"], "minimum": 0, "maximum": 1_000_000_000},
        query={"type": ["string", "null"], "maxLength": 10_000},
    )
    ratio = {"type": "number", "minimum": 0, "maximum": 1, "description": "Fraction of the tokens removed."}
    return {
        "CompressRequest": _object(
            "messages",
            messages={**messages, "description": "OpenAI chat, Anthropic Messages or Responses input items."},
            model={"type": ["string", "null"], "maxLength": 200},
            model_limit={"type": ["integer", "null"], "minimum": 1, "maximum": 1_000_000_000},
            config={"anyOf": [config, {"type": "null"}]},
        ),
        "CompressReply": _object(
            "messages tokens_before tokens_after tokens_saved compression_ratio transforms_applied ccr_hashes",
            messages={"type": "array", "description": "As many rows as were sent, with the same roles."},
            tokens_before=count,
            tokens_after=count,
            tokens_saved=count,
            compression_ratio=ratio,
            transforms_applied=strings,
            ccr_hashes={**strings, "description": "Hashes in the messages whose originals can be retrieved."},
            model=string,
            level=string,
            tokenizer=string,
            tokens_exact={"type": "boolean"},
        ),
        "Original": _object(
            "hash original_content complete", hash=string, original_content=string, complete={"type": "boolean"}
        ),
        "Stats": _object(
            "organisation from to period_s group_by totals groups",
            organisation=string,
            **{"from": string, "to": string},
            period_s=count,
            group_by=strings,
            totals=_object(" ".join(figures), **figures, compression_ratio=number),
            groups={
                "type": "array",
                "items": _object("group " + " ".join(figures), group={"type": "object"}, **figures),
            },
            groups_left_out=count,
        ),
        **_policy_schemas(),
        "Audit": _object("entries", entries={"type": "array", "items": {"type": "object"}}),
        "Error": _object(
            "error",
            error=_object("code message", code=string, message=string, given={}, allowed={}, action=string),
            request_id=string,
        ),
    }


def _policy_schemas() -> dict[str, Any]:
    string, count = {"type": "string"}, {"type": "integer", "minimum": 0}
    paths = {"type": "array", "items": string}
    number = {"type": "integer", "minimum": 0, "maximum": (1 << 31) - 1}
    return {
        "Policies": _object(
            "version mode shared tools",
            version=count,
            made={"type": ["string", "null"]},
            mode={"enum": ["on", "observe", "off"]},
            shared={"type": "boolean"},
            tools={
                "type": "array",
                "items": _object("tool structure dropped", tool=string, structure=string, dropped=paths),
            },
        ),
        "ToolPolicy": _object(
            "tool version structures", tool=string, version=count, structures={"type": "array", "items": {}}
        ),
        "Policy": _object(
            "headroom_policy tools", headroom_policy={"const": 1}, version=number, tools={"type": "object"}
        ),
        "Imported": _object("version tools fields", version=count, tools=count, fields=count),
        "Decision": _object(
            "structure path state",
            structure={"type": "string", "pattern": "^[0-9a-f]{16}$"},
            path=string,
            state={"enum": ["pinned", "forbidden", "auto"]},
        ),
        "Decided": _object(
            "version tool structure path state", version=count, tool=string, structure=string, path=string
        ),
        "Learning": _object("", mode={"enum": ["on", "observe", "off", None]}, shared={"type": ["boolean", "null"]}),
    }
