"""What a question names selects; what it asks beyond that keeps everything."""

from __future__ import annotations

import json
from typing import Any

import conversations as c
import pytest
from headroom import Omitted, compress


def pods(n: int = 40) -> list[dict[str, Any]]:
    """Pods as `kubectl get pods -o json` prints them, cut short."""
    return [
        {
            "metadata": {"name": f"api-{i}", "namespace": "kube-system" if i % 20 == 3 else "shop", "uid": f"u{i:04}"},
            "spec": {"nodeName": f"node-{i % 13}", "priority": 100 * (i % 7)},
            "status": {
                "phase": "Pending" if i == 31 else "Running",
                "restarts": i * 7 % 11,
                "startTime": f"2026-03-0{i % 9 + 1}",
            },
        }
        for i in range(n)
    ]


AS_JSON = json.dumps({"items": pods()}, indent=2)
AS_TABLE = "NAME      NAMESPACE     NODE       STATUS    RESTARTS\n" + "".join(
    f"{p['metadata']['name']:<10}{p['metadata']['namespace']:<14}{p['spec']['nodeName']:<11}"
    f"{p['status']['phase']:<10}{p['status']['restarts']}\n"
    for p in pods()
)
AS_XML = (
    "<pods>\n"
    + "".join(
        f'  <pod name="{p["metadata"]["name"]}"><node>{p["spec"]["nodeName"]}</node>'
        f"<phase>{p['status']['phase']}</phase></pod>\n"
        for p in pods()
    )
    + "</pods>\n"
)


def left_out(text: str, question: str) -> list[Omitted]:
    """What is not visible any more of a tool's output."""
    return compress(c.chat([(question, "{}", text)])).omitted


NAMED = [
    "On which node does `api-7` run?",
    "Why is api-7 not ready?",
    "Tell me about api-7. Do not guess, and do not use other tools.",
]
BEYOND = [
    "Which pods are not on the node of `api-7`?",
    "Which pods aren't like `api-7`?",
    "Which pods besides `api-7` restart?",
    "Does `api-7` restart more often than the others?",
    "Is `api-7` the oldest pod?",
    "Which pods have a higher priority than `api-7`?",
    "What started before `api-7`?",
    "How many pods run on the node of `api-7`?",
    "List the pods like `api-7`.",
    "Which other pods are on the same node as `api-7`?",
    "What is the total of restarts, `api-7` included?",
    "Compare `api-7` with the rest.",
]


@pytest.mark.parametrize("text", [AS_JSON, AS_TABLE, AS_XML], ids=["json", "table", "xml"])
@pytest.mark.parametrize("question", BEYOND)
def test_questions_beyond_what_they_name_keep_every_record(text: str, question: str) -> None:
    assert left_out(text, question) == []


@pytest.mark.parametrize("text", [AS_JSON, AS_TABLE, AS_XML], ids=["json", "table", "xml"])
@pytest.mark.parametrize("question", NAMED)
def test_a_record_that_is_named_selects(text: str, question: str) -> None:
    result = compress(c.chat([(question, "{}", text)]))
    shown = result.messages[-1]["content"]
    assert result.omitted
    assert "node-7" in shown
    assert "Pending" in shown or text is not AS_JSON, "what stands out stays as well"


@pytest.mark.parametrize("question", ["Which pods are not Running?", "status failed", "largest priority", "", "go on"])
def test_questions_that_name_no_record_keep_them_all(question: str) -> None:
    for text in (AS_JSON, AS_TABLE, AS_XML):
        assert left_out(text, question) == []


SHOP = (
    "\n\n".join(
        f"def step_{i}(order):\n    total = order.price * {i}\n    log('step {i}')\n"
        + ("    total += surcharge(order)\n" if i in (5, 11) else "")
        + f"    if total > {i * 10}:\n        order.flag('step {i}', total)\n"
        + f"        order.notify('over {i * 10}')\n    return total"
        for i in range(24)
    )
    + "\n\n\ndef surcharge(order):\n    return 5 if order.express else 0\n"
)


def test_every_mention_of_a_named_function_stays() -> None:
    result = compress(c.chat([("Who calls `surcharge`?", "{}", SHOP)]))
    shown = result.messages[-1]["content"]
    assert result.omitted
    assert shown.count("total += surcharge(order)") == 2


def test_other_functions_than_the_named_one_stay_when_asked_for() -> None:
    assert left_out(SHOP, "Which functions besides `surcharge` look at express orders?") == []
