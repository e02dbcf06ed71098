"""Teams of keys: figures by team are those of its keys, on both databases, in pages, exports and the terminal."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import payloads
import pytest
import sqlalchemy as sa
from dashboards import cells, sign_in, token
from headroom.cli import main
from headroom.cloud import keys, tables
from headroom.cloud.database import Database, make_engine, migrate
from headroom.cloud.settings import ServiceSettings
from headroom.cloud.usage import rollup, stats
from running import Service, command, eventually, service
from test_service_database import event

SUMS = ("requests", "tokens_before", "tokens_after", "tokens_saved")


def figures(groups: list[dict[str, Any]], by: str) -> dict[str, tuple[int, ...]]:
    return {g["group"][by]: tuple(g[name] for name in SUMS) for g in groups}


def test_a_team_is_the_sum_of_its_keys(database: Database) -> None:
    settings = ServiceSettings()
    with database.engine.begin() as connection:
        rows = {
            name: keys.create(connection, "acme", name, "compress", "test", team=team)[1]
            for name, team in (("a", "search"), ("b", "search"), ("c", "support"), ("d", None))
        }
        # Another organisation's team of the same name.
        other = keys.create(connection, "globex", "a", "compress", "test", team="search")[1]
        acme = rows["a"].organisation_id
        made = [event(i, organisation_id=acme, key_id=row.id) for i, row in enumerate(rows.values())]
        made.append(event(9, organisation_id=acme, key_id=""))
        made.append(event(organisation_id=other.organisation_id, key_id=other.id))
        rollup.write(connection, made, rollup.Names())

        def ask(by: str, **where: list[str]) -> dict[str, Any]:
            return stats.query(connection, settings, acme, "acme", None, None, [by], where)

        by_key, by_team = (figures(ask(by)["groups"], by) for by in ("key", "team"))
        of = {name: by_key[row.id] for name, row in rows.items()}
        add = lambda *keys: tuple(map(sum, zip(*keys, strict=True)))  # noqa: E731
        assert by_team == {"search": add(of["a"], of["b"]), "support": of["c"], "": add(of["d"], by_key[""])}
        # A filter by team, alone and with others; the empty one is that of keys without.
        assert set(figures(ask("key", team=["search"])["groups"], "key")) == {rows["a"].id, rows["b"].id}
        assert set(figures(ask("key", team=["", "support"])["groups"], "key")) == {"", rows["c"].id, rows["d"].id}
        assert ask("key", team=["search"], key=[rows["c"].id])["groups"] == []
        assert ask("model", team=["nobody"])["totals"]["requests"] == 0
        # A key that is rotated stays in its team, also the old one, and what was counted for it.
        keys.rotate(connection, "acme", "a", "test")
        assert figures(ask("team")["groups"], "team") == by_team
        again = next(row for row in keys.list_keys(connection, "acme") if row.name == "a")
        assert (again.team, again.id == rows["a"].id) == ("search", False)
        # One that changes its team takes what was counted for it along, and for the key it took over from.
        keys.set_team(connection, "acme", "a", "support", "test")
        assert figures(ask("team")["groups"], "team")["support"] == add(of["a"], of["c"])
        keys.set_team(connection, "acme", "a", "search", "test")
        assert figures(ask("team")["groups"], "team") == by_team
        keys.set_team(connection, "acme", "b", "support", "test")
        moved = figures(ask("team")["groups"], "team")
        assert moved == {"search": of["a"], "support": add(of["b"], of["c"]), "": by_team[""]}
        entry = keys.audit_log(connection, acme)[0]
        assert (entry["action"], entry["detail"]) == ("key.team", {"name": "b", "team": "support"})
        keys.set_team(connection, "acme", "b", None, "test")
        assert keys.by_id(connection, rows["b"].id).team is None  # type: ignore[union-attr]


def test_keys_from_before_teams_have_none(url: str) -> None:
    engine = make_engine(url)
    migrate(engine, "0004")
    with engine.begin() as connection:
        row = {"id": "org_1", "name": "acme", "hash_key": b"h" * 32, "created_s": 1}
        connection.execute(tables.organisations.insert().values(row))
        old = sa.Table("keys", sa.MetaData(), autoload_with=connection)
        connection.execute(
            old.insert().values(
                id="key_1",
                organisation_id="org_1",
                name="ci",
                prefix="p",
                digest=b"d" * 32,
                role="compress",
                created_s=1,
            )
        )
    migrate(engine)
    with engine.begin() as connection:
        assert keys.set_team(connection, "acme", "ci", "search", "test").team == "search"
        assert [row.team for row in keys.list_keys(connection, "acme")] == ["search"]
    engine.dispose()


# Over HTTP and in the terminal


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return {}


@pytest.fixture(scope="module")
def teamed(tmp_path_factory: pytest.TempPathFactory, made: dict[str, str]) -> Iterator[Service]:
    """A service with two keys of a team and one of none, each with a request, and somebody who looks."""
    folder = tmp_path_factory.mktemp("teams")
    options = ["--data-dir", str(folder / "data")]
    for name, role, *more in (
        ("ci", "compress", "--team", "search"), ("agent", "compress", "--team", "search"), ("lone", "compress"),
        ("boss", "admin"),
    ):  # fmt: skip
        text = command("keys", "create", "--org", "acme", "--name", name, "--role", role, "--json", *more, *options)
        made[name] = json.loads(text)["key"]
    with service(folder, "--key-refresh-s", "0.4", "--sign-ins-per-minute", "1000") as server:
        for name in ("ci", "agent", "lone"):
            assert server.compress(payloads.chat(), made[name]).status_code == 200
        eventually(lambda: server.get("/v1/stats", made["boss"]).json()["totals"]["requests"] == 3)
        yield server


def test_page_export_and_terminal_say_what_the_api_says(teamed: Service, made: dict[str, str]) -> None:
    groups = teamed.get("/v1/stats", made["boss"], group_by="team", **{"from": "7d"}).json()["groups"]
    api = figures(groups, "team")
    assert {team: sums[0] for team, sums in api.items()} == {"search": 2, "": 1}
    with sign_in(teamed, made["boss"]) as client:
        page = client.get("/dashboard/breakdown", params={"by": "team"}).text
        shown = {row[0]: tuple(int(v) for v in row[1:5]) for row in cells(page, "breakdown")}
        assert shown == {team or "no team": sums for team, sums in api.items()}
        answer = client.get("/dashboard/breakdown", params={"by": "team", "format": "csv", "sheet": "breakdown"}).text
        exported = list(csv.DictReader(io.StringIO(answer)))
        assert {row["name"]: int(row["tokens_saved"]) for row in exported} == {k: v[3] for k, v in shown.items()}
        overview = client.get("/dashboard", params={"team": "search"}).text
        assert sum(int(row[3]) for row in cells(overview, "tokens")) == api["search"][3]
        assert '<option value="search" selected>' in overview
        # Nothing chosen is no filter in a form, so keys without a team have a name there.
        none = client.get("/dashboard/breakdown", params={"by": "key", "team": keys.NO_TEAM}).text
        assert [row[0] for row in cells(none, "breakdown")] == ["lone"]
        assert '<option value="no team" selected>' in none
        assert "team=no+team" in page
        newest = client.get("/dashboard/requests", params={"team": "search"}).text
        assert len(cells(newest, "requests")) == 2
    printed = command("stats", "--color", "never", *teamed.options)
    assert "Top teams" in printed
    assert "no team" in printed
    assert json.loads(command("stats", "--json", *teamed.options))["teams"] == groups


def test_keys_are_put_into_teams(teamed: Service, made: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--org", "acme", "--name", "lone", *teamed.options)

    def listed() -> str:
        rows = json.loads(command("keys", "list", "--json", *teamed.options))
        return next(str(row["team"]) for row in rows if row["name"] == "lone")

    assert command("keys", "team", "--team", "support", *options) == "acme/lone is in team support\n"
    assert listed() == "support"
    assert "support" in command("keys", "list", *teamed.options)
    assert "key.team" in command("keys", "log", "--org", "acme", *teamed.options)
    assert command("keys", "team", "--none", *options) == "acme/lone is in no team\n"
    assert listed() == "None"
    for words, said in (
        (("team", "--team", "a/b", *options), "team 'a/b' is not allowed; allowed: 1 to 64 letters"),
        (("team", "--team", "x", "--org", "acme", "--name", "gone", *teamed.options), "no active key 'gone'"),
        (("team", "--team", "No team", *options), "team 'No team' is not allowed; it is what keys without"),
        (("create", "--team", "", "--org", "acme", "--name", "new", *teamed.options), "team '' is not allowed"),
    ):
        assert main(["keys", *words]) == 1
        assert said in capsys.readouterr().err
    command("keys", "team", "--team", "support", *options)
    command("keys", "rotate", *options)
    assert listed() == "support"
    with sign_in(teamed, made["boss"]) as client:
        csrf = token(client.get("/dashboard/keys").text)
        form = {"csrf": csrf, "name": "lone", "team": " support "}
        assert client.post("/dashboard/keys/team", data=form).headers["location"] == "/dashboard/keys?done=team"
        assert listed() == "support"
        assert client.post("/dashboard/keys/team", data={**form, "csrf": "0" * 64}).status_code == 403
        refused = client.post("/dashboard/keys/team", data={**form, "team": "<b>"})
        assert refused.status_code == 422
        assert "team &#39;&lt;b&gt;&#39; is not allowed" in refused.text
        assert client.post("/dashboard/keys/team", data={**form, "team": ""}).status_code == 303
        assert listed() == "None"
        new = {"csrf": csrf, "name": "new", "role": "compress", "team": " support "}
        assert client.post("/dashboard/keys", data=new).status_code == 200
        rows = json.loads(command("keys", "list", "--json", *teamed.options))
        assert [row["team"] for row in rows if row["name"] == "new"] == ["support"]
