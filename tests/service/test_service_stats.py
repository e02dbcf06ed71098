"""`headroom stats`, and what `/v1/stats` has for it: results, percentiles, spans."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import payloads
import pytest
from headroom.cli import main
from headroom.cloud.dashboard import formats
from headroom.cloud.errors import ServiceError
from headroom.cloud.settings import ServiceSettings
from headroom.cloud.usage.rollup import LATENCY_MS
from headroom.cloud.usage.span import RANGES, Span
from headroom.cloud.usage.stats import percentile
from running import Service, command, eventually, service

NOW_S = 1_795_000_000


@pytest.fixture
def busy(tmp_path: Path) -> Any:
    """A service without keys that has compressed twice, with one refusal and one request that was too small."""
    with service(tmp_path) as server:
        for _ in range(2):
            server.compress(payloads.chat())
        server.compress([{"role": "user", "content": "hello"}], config={"min_tokens": 100})
        server.compress([{"role": "user", "content": "hello"}])
        server.client.post("/v1/compress", content=b"{", headers={"content-type": "application/json"})
        eventually(lambda: server.get("/v1/stats").json()["totals"]["requests"] == 5)
        yield server


def test_results_say_what_became_of_each_request(busy: Service) -> None:
    groups = busy.get("/v1/stats", group_by="result").json()["groups"]
    assert {g["group"]["result"]: g["requests"] for g in groups} == {
        "compressed": 2, "below_min_tokens": 1, "nothing_to_save": 1, "invalid_json": 1,
    }  # fmt: skip


def test_percentiles_are_in_the_totals(busy: Service) -> None:
    totals = busy.get("/v1/stats").json()["totals"]
    assert 0 < totals["latency_p50_ms"] <= totals["latency_p95_ms"]
    assert totals["latency_p50_ms"] <= 4 * totals["mean_latency_ms"]


def test_the_command_says_what_the_service_says(busy: Service) -> None:
    totals = busy.get("/v1/stats").json()["totals"]
    here = json.loads(command("stats", "--json", *busy.options))
    there = json.loads(command("stats", "--json", "--url", busy.url))
    assert here == there
    assert {k: here["totals"][k] for k in totals} == totals
    assert {g["group"]["result"] for g in here["results"]} > {"compressed", "invalid_json"}
    shown = command("stats", "--color", "never", "--range", "24h", *busy.options)
    assert "local, last 24 hours" in shown
    for words in ("Tokens saved", "Compressed, or why not", "Below min_tokens", "grep", "gpt-4o"):
        assert words in shown
    assert formats.tokens(totals["tokens_saved"]) in shown
    assert "\033[" in command("stats", "--color", "always", *busy.options)


def test_the_command_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["--data-dir", str(tmp_path / "data")]
    keys: dict[str, str] = {}
    for org, role in (("acme", "compress"), ("globex", "read")):
        made = command("keys", "create", "--org", org, "--name", "a", "--role", role, "--json", *options)
        keys[org] = json.loads(made)["key"]

    def said(*words: str) -> str:
        assert main(["stats", *words]) == 1
        return capsys.readouterr().err

    assert "acme, globex" in said(*options)
    assert "no organisation" in said("--org", "nobody", *options)
    assert "1h, 24h, 7d" in said("--range", "2y", "--org", "acme", *options).replace("'", "")
    assert "two ways" in said("--range", "7d", "--from", "7d", "--org", "acme", *options)
    assert "before it ends" in said("--from", "2026-01-02", "--until", "2026-01-01", "--org", "acme", *options)
    assert "leave out --org" in said("--url", "http://127.0.0.1:1", "--org", "acme")
    assert "https://" in said("--url", "http://example.com")
    with service(tmp_path) as server:
        assert "HEADROOM_API_KEY" in said("--url", server.url)
        monkeypatch.setenv("HEADROOM_API_KEY", keys["acme"])
        assert "sees no figures" in said("--url", server.url)
        monkeypatch.setenv("HEADROOM_API_KEY", keys["globex"])
        assert "globex, last 7 days" in command("stats", "--url", server.url)


# Percentiles, spans, numbers


TOKENS = {
    0: "0", 999: "999", 999.6: "1.00 k", 1000: "1.00 k", 12_345: "12.3 k", 999_499: "999 k", 999_700: "1.00 M",
    79_200_000: "79.2 M", 1.5e9: "1.50 B", None: "–",
}  # fmt: skip


@pytest.mark.parametrize(("value", "shown"), TOKENS.items())
def test_tokens_have_three_digits_and_a_unit(value: float | None, shown: str) -> None:
    assert formats.tokens(value).replace("\u202f", " ") == shown


def test_other_units() -> None:
    plain = {
        formats.dollars(0.00001): "< $0.0001", formats.dollars(0.5): "$0.5000", formats.dollars(12.345): "$12.35",
        formats.dollars(12_345): "$12,345", formats.ms(5.49): "5.5 ms", formats.ms(1234): "1.23 s",
        formats.share(0.0004): "< 0.1 %", formats.share(0.523): "52.3 %", formats.moment(0): "1970-01-01",
        formats.moment("2026-11-26T03:04:05Z"): "2026-11-26 03:04",
    }  # fmt: skip
    assert {shown.replace("\u202f", " "): expected for shown, expected in plain.items()} == {
        expected: expected for expected in plain.values()
    }
    assert formats.change(110, 100) == {"direction": "up", "text": "10.0\u202f%"}
    assert formats.change(50, 100) == {"direction": "down", "text": "50.0\u202f%"}
    assert formats.change(5000, 100) == {"direction": "up", "text": "50×"}
    assert formats.change(5, 0) is None


def test_a_percentile_is_right_to_within_a_step() -> None:
    times = [0.3 + i * 0.37 for i in range(1000)]
    steps: dict[float, int] = {}
    for ms in times:
        step = next(s for s in LATENCY_MS if ms <= s)
        steps[step] = steps.get(step, 0) + 1
    for share in (0.1, 0.5, 0.95, 0.99):
        found = percentile(steps, share)
        assert found == pytest.approx(times[int(share * 1000) - 1], rel=0.2)
    assert percentile({}, 0.5) is None
    assert percentile({LATENCY_MS[0]: 1}, 0.95) == pytest.approx(0.95 * LATENCY_MS[0], abs=0.01)


@pytest.mark.parametrize("name", RANGES)
def test_a_range_has_whole_steps_up_to_now(name: str) -> None:
    span = Span.last(name, NOW_S)
    step_s, steps, _ = RANGES[name]
    assert len(span.steps) == steps
    assert span.from_s % step_s == 0
    assert span.from_s + (steps - 1) * step_s <= NOW_S < span.from_s + steps * step_s
    assert span.to_s == NOW_S + 1
    start, end = span.before
    assert (start, end) < (span.start, span.end)
    # As long after its start as this one: half a day is compared with half a day.
    assert Span.last(name, NOW_S - steps * step_s).start == start


@pytest.mark.parametrize(
    ("start", "until", "period", "steps"),
    [("2026-11-10", "2026-11-12", "day", 3), ("2026-11-17T10:00:00Z", "2026-11-17T13:00:00Z", "hour", 3),
     ("30m", "", "minute", 31), ("2026-11-17", "2026-11-17", "hour", 24), ("2020-01-01", "", "day", 400)],
)  # fmt: skip
def test_a_span_between_dates(start: str, until: str, period: str, steps: int) -> None:
    span = Span.between(start, until, ServiceSettings(), NOW_S)
    assert span.period == period
    assert abs(len(span.steps) - steps) <= 1


def test_minutes_are_not_asked_for_where_they_are_not_kept() -> None:
    settings = ServiceSettings(keep_minutes_days=1, keep_hours_days=2)
    assert Span.between("2026-11-01T10:00:00Z", "2026-11-01T11:00:00Z", settings, NOW_S).period == "day"
    with pytest.raises(ServiceError):
        Span.between("2026-11-02", "2026-11-01", settings, NOW_S)
