"""Reports and analyses at the door of workload: what is not accepted, and of whom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from events import ids
from events.workload import WorkloadMeasured
from services.db import table
from services.service import Refused
from services.workload.commands import SubmitReports
from services.workload.models import Report
from services.workload.reporting import MOST_AT_ONCE, MOST_SURGE
from tests.oracle import (
    BODY,
    BUSY_WEEK,
    COUNTER,
    analysis,
    client,
    oracle,
    post,
    register_unit,
    report,
    report_both,
    told,
)
from tests.worlds import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = oracle(tmp_path)
    yield made
    made.close()


@pytest.fixture
def reported(world: World) -> World:
    report_both(world)
    return world


def lines(**change: Any) -> dict[str, Any]:
    return {"lines": [BODY["lines"][0], BODY["lines"][1] | change]}


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"unit": "nowhere"}, 422, "unit"),
        ({"period_to": "2026-02-20"}, 422, "period_to"),
        ({"period_to": "2026-03-03"}, 422, "period_to"),
        ({"period_from": "2026-01-01"}, 422, "period_from"),
        ({"period_from": "2026-02-28", "period_to": "2026-03-01"}, 422, "period_to"),
        (lines(task="paspor"), 422, "lines[1].task"),
        (lines(task="laporan-harian"), 422, "lines[1].task"),
        (lines(task="ktp-el"), 422, "lines[1].task"),
        (lines(volume=-1), 422, "lines[1].volume"),
        (lines(volume=1e300), 422, "lines[1].volume"),
        (lines(volume=1e9), 422, "lines[1].volume"),
        ({"absent_days": -1}, 422, "absent_days"),
    ],
)
def test_a_wrong_report_is_refused_naming_the_field(
    world: World, change: dict[str, Any], status: int, field: str
) -> None:
    answer = post(world, BODY | change, "operator@imbang")
    assert answer.content_type == "application/problem+json"
    assert (answer.status_code, answer.json["field"]) == (status, field)
    assert answer.json["detail"]
    assert answer.json["remedy"]
    assert world.rows("workload", table(Report)) == []


def test_a_surge_is_believed_and_what_no_surge_could_bring_is_not(world: World) -> None:
    """The final analysis has 637,500 minutes a year, 12,750 a week: as much as 850 cards of 15 minutes."""
    most = {"task": "ktp-el", "volume": 850 * MOST_SURGE}
    believed = post(world, BODY | {"lines": [most]}, "operator@imbang")
    assert (believed.status_code, believed.json["level"]) == (201, "overload")
    slip = post(world, BODY | {"lines": [{"task": "kartu-keluarga", "volume": 3}, most]}, "operator@imbang")
    assert (slip.json["rule"], slip.json["field"]) == ("workload.implausible", "lines[1].volume")
    assert "ktp-el" in slip.json["detail"]
    assert "ABK" in slip.json["remedy"]
    assert len(world.rows("workload", table(Report))) == 1


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"colour": "red"}, "colour"),
        (lines(colour="red"), "lines"),
        ({"unit": 7}, "unit"),
        ({"period_from": "yesterday"}, "period_from"),
        (lines(volume="many"), "lines"),
    ],
)
def test_a_report_of_another_shape_is_refused_naming_the_field(
    world: World, change: dict[str, Any], place: str
) -> None:
    answer = post(world, BODY | change, "operator@imbang")
    assert answer.status_code == 422
    assert list(answer.json["errors"]["json"]) == [place]


def test_periods_may_not_overlap_because_work_would_count_twice(reported: World) -> None:
    answer = post(reported, BODY | {"period_from": "2026-02-26"}, "operator@imbang")
    assert (answer.status_code, answer.json["field"]) == (409, "period_from")
    assert "2026-02-23" in answer.json["detail"]


def test_a_unit_without_a_final_analysis_cannot_be_measured(world: World) -> None:
    register_unit(world, "new", "dukcapil", staff=1, places=1)
    world.drain()
    answer = post(world, BODY | {"unit": "new"}, "operator@imbang")
    assert (answer.status_code, answer.json["rule"]) == (422, "workload.no_final_abk")


def test_one_wrong_report_keeps_the_whole_batch_out(world: World) -> None:
    wrong = report("Q", {"berkas": -1})
    with pytest.raises(Refused) as refusal:
        world.submit("workload", SubmitReports(reports=[report("P", BUSY_WEEK), wrong]))
    assert refusal.value.more["field"] == "reports[1].lines[0].volume"
    assert world.rows("workload", table(Report)) == []
    assert told(world, "P", WorkloadMeasured) == []


def test_a_batch_has_a_limit(world: World) -> None:
    with pytest.raises(Refused, match="too_many"):
        world.submit("workload", SubmitReports(reports=[report("P", {})] * (MOST_AT_ONCE + 1)))


def test_an_analysis_never_goes_back_to_an_earlier_version(world: World) -> None:
    with pytest.raises(Refused, match="version_passed"):
        world.submit("workload", analysis("P", COUNTER, version=1))


@pytest.mark.parametrize(
    ("roles", "status"),
    [
        (["reports@dukcapil"], 201),
        (["operator@imbang"], 201),
        (["reports@dpmptsp"], 403),
        (["reports@dpmptsp", "operator@dpmptsp"], 403),
        ([], 403),
    ],
)
def test_people_report_for_the_agencies_of_their_roles(world: World, roles: list[str], status: int) -> None:
    answer = post(world, BODY, *roles)
    assert answer.status_code == status
    assert len(world.rows("workload", table(Report))) == (status == 201)


def test_nobody_reports_or_reads_without_signing_in(world: World) -> None:
    browser = world.app.web.test_client()
    assert browser.get("/api/workload/picture").status_code == 401
    assert browser.get("/workload/").headers["Location"].startswith("/identity/sign-in")


def test_only_the_operator_records_an_analysis(world: World) -> None:
    body = msgspec.to_builtins(analysis("P", COUNTER, version=2))
    headers = {"Idempotency-Key": ids.new()}
    path = "/api/workload/analyses"
    assert client(world, "reports@dukcapil").post(path, json=body, headers=headers).status_code == 403
    answer = client(world, "operator@imbang").post(path, json=body, headers=headers)
    assert (answer.status_code, answer.json) == (201, {"unit": "P", "version": 2, "need": 9})


def test_a_repeated_report_has_the_first_answer(world: World) -> None:
    sender, headers = client(world, "reports@dukcapil"), {"Idempotency-Key": ids.new()}
    answers = [sender.post("/api/workload/reports", json=BODY, headers=headers).json for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(told(world, "P", WorkloadMeasured)) == 1
