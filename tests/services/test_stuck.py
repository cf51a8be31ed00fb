"""Why a case does not move, who can act, since when; and how it moves again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.__main__ import main
from services.mutations import check
from services.mutations import execute as execution
from services.mutations.migrating import MigrateCases
from tests.town import PAPER, PERSON, acting, drafted, give, town
from tests.worlds import World
from workflow.library import definition

NEED = {"reason_class": "service_need"}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A town whose commands of the command line see the same database."""
    url = f"sqlite:///{tmp_path / 'imbang.db'}"
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("IMBANG_DIRECTORY", str(tmp_path))
    made = town(url)
    yield made
    made.close()


def consulting(place: World, helper: str = "ana") -> str:
    officer = acting(place, "officer")
    case = str(give(officer, "/api/mutations/", drafted(helper)).get_json()["mutation"])
    give(officer, f"/api/mutations/{case}/submit", {"documents": {"G2": PAPER}})
    assert give(acting(place, "verifier"), f"/api/mutations/{case}/screen", {"outcome": "pass"}).status_code == 200
    return case


def before_an_empty_panel(place: World) -> str:
    """The employee is unwilling, the secretary asks the panel, and the town has none."""
    case = consulting(place)
    give(acting(place, "ana"), f"/api/mutations/{case}/answer", {"answer": "unwilling", "reason_class": "health"})
    released = {"answer": "yes", "handover_planned": True, "floor_kept": True}
    give(acting(place, "donor"), f"/api/mutations/{case}/release", released)
    give(acting(place, "counter"), f"/api/mutations/{case}/receive", {"answer": "yes", "budgeted": True})
    settled = {"outcome": "panel", "words": "Layanan terancam", **NEED}
    assert give(acting(place, "sekda"), f"/api/mutations/{case}/settle", settled).status_code == 200
    return case


def why(place: World, case: str, part: str = "officer") -> dict[str, Any]:
    told: dict[str, Any] = acting(place, part).get(f"/api/mutations/{case}/why").get_json()
    return told


def test_it_says_who_is_asked_what_since_when_and_who_can_act(place: World) -> None:
    case = consulting(place)
    told = why(place, case)
    assert (told["state"], told["obstacles"]) == ("CONSULTATION", [])
    waits = {each["duty"]: each for each in told["waits"]}
    assert set(waits) == {"employee", "source", "receiver"}
    assert [who["person"] for who in waits["employee"]["who"]] == [PERSON["ana"]]
    (head,) = waits["source"]["who"]
    assert (head["office"], head["capacity"], head["order"]) == ("8200.donor", "definitive", "SK-1")
    assert waits["source"]["since"] < waits["source"]["due"]
    assert told["next_clock"]["name"] in waits


def test_who_cannot_act_is_named_with_the_rule_and_its_basis(place: World) -> None:
    officer = acting(place, "officer")
    case = str(give(officer, "/api/mutations/", drafted(person=PERSON["verifier"])).get_json()["mutation"])
    give(officer, f"/api/mutations/{case}/submit", {"documents": {"G2": PAPER}})
    (screening,) = why(place, case)["waits"]
    assert screening["who"] == []
    (barred,) = screening["barred"]
    assert (barred["person"], barred["objection"]) == (PERSON["verifier"], "own_case")
    assert "pasal 42" in barred["basis"]
    assert why(place, case)["obstacles"] == ["nobody_can_act"]


def test_a_duty_without_an_eligible_holder_is_listed_as_stuck_and_another_office_can_have_it(
    place: World, capsys: pytest.CaptureFixture[str]
) -> None:
    case = before_an_empty_panel(place)
    consulting(place, "budi")
    listed = acting(place, "officer").get("/api/mutations/stuck").get_json()
    assert [each["mutation"] for each in listed["mutations"]] == [case]
    assert main(["why"]) == 0
    said = capsys.readouterr().out
    assert case in said
    assert "nobody can act" in said
    sekda = acting(place, "sekda")
    wrong = {"party": "panel", "office": "8200.donor", **NEED}
    assert give(sekda, f"/api/mutations/{case}/reassign", wrong).get_json()["rule"] == "office_fits"
    assert give(sekda, f"/api/mutations/{case}/reassign", wrong | {"office": "8200.governor"}).status_code == 200
    (panel,) = why(place, case)["waits"]
    assert [who["office"] for who in panel["who"]] == ["8200.governor"]
    assert acting(place, "officer").get("/api/mutations/stuck").get_json()["mutations"] == []
    inbox = acting(place, "governor").get("/api/mutations/inbox").get_json()["duties"]
    assert [duty["duty"] for duty in inbox] == ["panel"]


def test_a_missed_deadline_is_an_obstacle_until_there_is_more_time(place: World) -> None:
    officer = acting(place, "officer")
    case = str(give(officer, "/api/mutations/", drafted()).get_json()["mutation"])
    give(officer, f"/api/mutations/{case}/submit", {"documents": {"G2": PAPER}})
    place.pass_time(timedelta(days=5))
    assert why(place, case)["obstacles"] == ["overdue"]
    sekda = acting(place, "sekda")
    more = {"duty": "screening", "until": "2026-03-20", **NEED}
    assert give(sekda, f"/api/mutations/{case}/postpone", more | {"until": "2026-03-05"}).status_code == 422
    assert give(sekda, f"/api/mutations/{case}/postpone", more).status_code == 200
    told = why(place, case)
    assert (told["obstacles"], told["waits"][0]["due"]) == ([], "2026-03-20T15:00:00+00:00")
    place.pass_time(timedelta(days=20))
    assert why(place, case)["obstacles"] == ["overdue"]


def test_many_cases_are_mended_at_once_and_each_has_its_line(place: World) -> None:
    cases = [consulting(place, helper) for helper in ("ana", "budi")]
    give(acting(place, "ana"), f"/api/mutations/{cases[0]}/answer", {"answer": "willing"})
    body = {"members": cases, "duty": "employee", "until": "2026-04-01", **NEED}
    sekda, key = acting(place, "sekda"), "satu-kunci"
    report = give(sekda, "/api/mutations/repairs/postpone", body, key=key).get_json()["report"]
    assert [(each["mutation"], each["done"]) for each in report] == [(cases[0], False), (cases[1], True)]
    assert report[0]["rule"] == "duty_asked"
    again = give(sekda, "/api/mutations/repairs/postpone", body, key=key).get_json()["report"]
    assert again == report
    versions = [acting(place, "officer").get(f"/api/mutations/{case}").get_json()["version"] for case in cases]
    assert versions == [5, 5]


def test_what_others_may_not_see_is_not_told(place: World) -> None:
    case = before_an_empty_panel(place)
    assert acting(place, "budi").get(f"/api/mutations/{case}/why").status_code == 404
    assert acting(place, "budi").get("/api/mutations/stuck").get_json()["mutations"] == []


def test_running_cases_go_on_by_another_version_after_a_dry_run(
    place: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as before:
        before.setattr(execution, "definition_for", lambda *_: definition("R5@1"))
        old = [consulting(place), consulting(place, "budi")]
    for part, told in (("ana", {"answer": "willing"}), ("counter", {"answer": "yes", "budgeted": True})):
        give(acting(place, part), f"/api/mutations/{old[0]}/{'answer' if part == 'ana' else 'receive'}", told)
    assert main(["migrate-cases", "R5@2", "--dry-run", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert {each["mutation"]: each["outcome"] for each in report["cases"]} == dict.fromkeys(old, "would move")
    assert definition_of(place, old[0]) == "R5@1"
    # By the town's clock: the command line would date the step with the real one.
    moved = place.submit("mutations", MigrateCases(definition="R5@2", members=old, by="rahma", dry=False))
    assert {each["outcome"] for each in moved["report"]} == {"moved"}
    assert main(["migrate-cases", "R5@2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cases"] == []
    assert definition_of(place, old[0]) == "R5@2"
    events = acting(place, "officer").get(f"/api/mutations/{old[0]}/history").get_json()["events"]
    assert (events[-1]["type"], events[-1]["data"]["by"]) == ("mutation.migrated", "rahma")
    released = {"answer": "yes", "handover_planned": True, "floor_kept": True}
    answer = give(acting(place, "donor"), f"/api/mutations/{old[0]}/release", released).get_json()
    assert answer["state"] == "APPROVAL.DECISION"
    held = {"reason_class": "legal_process", "until": "2026-03-30"}
    assert give(acting(place, "officer"), f"/api/mutations/{old[0]}/hold", held).status_code == 200
    assert list(check(place.app.databases.reader("mutations"))) == []


def test_a_definition_that_is_not_there_is_named(place: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate-cases", "R5@99", "--dry-run"]) == 2
    assert "R5@99" in capsys.readouterr().out
    assert main(["why", "00000000-0000-4000-8000-000000000099"]) == 1


def definition_of(place: World, case: str) -> str:
    told: str = acting(place, "officer").get(f"/api/mutations/{case}").get_json()["case"]["definition"]
    return told
