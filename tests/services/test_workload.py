"""Workload on the real kernel: reports measured, help felt, silence told, every figure open to its working."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from events import envelope, ids, outbox
from events.personnel import IncumbencyChanged, PersonRegistered, PositionRegistered, UnitRegistered
from events.workload import AbkFinalised, WorkloadChanged, WorkloadMeasured
from services import workload
from services.auth import User, issue
from services.db import table
from services.service import Actor, Refused
from services.workload.commands import AbkLine, Counted, FinaliseAbk, SubmitReport, SubmitReports
from services.workload.evidence import staff_of
from services.workload.freshness import STALE_AFTER
from services.workload.models import Report, Seat
from services.workload.reporting import MOST_AT_ONCE
from tests.worlds import World

MONDAY = date(2026, 2, 23)
COUNTER = [
    AbkLine(task="ktp-el", name="Perekaman KTP-el", volume=24_000, norm=15),
    AbkLine(task="kartu-keluarga", name="Kartu keluarga", volume=9_600, norm=20),
    AbkLine(task="akta-lahir", name="Akta kelahiran", volume=1_750, norm=30),
    AbkLine(task="laporan-harian", name="Laporan harian", volume=250, norm=60, counted=False),
    AbkLine(task="laporan-bulanan", name="Laporan bulanan", volume=12, norm=1_500, counted=False),
]
DONOR = [AbkLine(task="berkas", name="Pemeriksaan berkas", volume=31_500, norm=10)]
BUSY_WEEK = {"ktp-el": 480, "kartu-keluarga": 192, "akta-lahir": 35}
UNITS = {"P": ("dukcapil", 6, 9, COUNTER), "Q": ("dpmptsp", 7, 4, DONOR)}
"""Oracle 1: the counter P and its donor Q with their OPD, staff, places and tasks."""


def register_unit(world: World, unit: str, opd: str, staff: int, places: int) -> None:
    where = {"instansi": "8200", "instansi_name": "Maluku Utara", "region": "8272", "island": "Halmahera"}
    named = UnitRegistered(unit=unit, name=f"Loket {unit}", opd=opd, opd_name=f"Dinas {opd}", **where)
    world.tell(f"personnel/unit/{unit}", named)
    post = PositionRegistered(
        position=f"{unit}-1", unit=unit, title=f"Petugas {unit}", kind="pelaksana", family="f", job_class=7,
        places=places,
    )  # fmt: skip
    world.tell(f"personnel/position/{unit}-1", post)
    for n in range(staff):
        hire(world, f"{unit}{n}", unit)


def hire(world: World, person: str, unit: str) -> None:
    world.tell(
        f"personnel/person/{person}",
        PersonRegistered(
            person=person, status="pns", grade=7, position=f"{unit}-1", unit=unit, since=date(2020, 1, 1),
            appointed_on=date(2015, 1, 1), retires_on=date(2040, 1, 1), skills=["f"], home="Halmahera",
        ),
    )  # fmt: skip


def move(world: World, person: str, kind: Any, source: str, target: str, mutation: str, share: float = 1.0) -> None:
    world.tell(
        f"personnel/person/{person}",
        IncumbencyChanged(
            person=person, kind=kind, from_position=f"{source}-1", from_unit=source, to_position=f"{target}-1",
            to_unit=target, on=date(2026, 3, 2), share=share, mutation=mutation,
        ),
    )  # fmt: skip


def analysis(unit: str, lines: list[AbkLine], version: int = 1) -> FinaliseAbk:
    return FinaliseAbk(unit=unit, version=version, wke=75_000, lines=lines, signed_on=date(2025, 12, 15))


def report(unit: str, counts: dict[str, float], first: date = MONDAY, days: int = 5, **more: Any) -> SubmitReport:
    lines = [Counted(task=task, volume=volume) for task, volume in counts.items()]
    return SubmitReport(unit=unit, period_from=first, period_to=first + timedelta(days=days - 1), lines=lines, **more)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Both units of the oracle, with their final analyses; nobody has reported."""
    made = World(f"sqlite:///{tmp_path / 'imbang.db'}", [workload.SERVICE], ["personnel"])
    for unit, (opd, staff, places, _) in UNITS.items():
        register_unit(made, unit, opd, staff, places)
    made.drain()
    for unit, (*_, lines) in UNITS.items():
        made.submit("workload", analysis(unit, lines))
    yield made
    made.close()


@pytest.fixture
def reported(world: World) -> World:
    """Both units have reported the week before today."""
    world.submit("workload", SubmitReports(reports=[report("P", BUSY_WEEK), report("Q", {"berkas": 630})]))
    return world


def told(world: World, unit: str, kind: type[msgspec.Struct]) -> list[Any]:
    """What was recorded of a unit, oldest first."""
    with world.app.databases.reader("workload").connect() as conn:
        bodies = list(outbox.stream(conn, workload.SERVICE.outbox, f"workload/unit/{unit}"))
    return [data for data in (envelope.payload(envelope.decode(body)) for body in bodies) if isinstance(data, kind)]


def ratio(world: World, unit: str) -> float:
    return round(float(told(world, unit, WorkloadMeasured)[-1].ratio), 4)


def client(world: World, *roles: str) -> FlaskClient:
    """A signed-in browser or program."""
    with world.app.web.app_context():
        since = world.clock.now.timestamp()
        token = issue(User("account", None, "Rahma", roles, since + 10 * 365 * 86_400))
    made = world.app.web.test_client()
    made.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return made


def post(world: World, body: dict[str, Any], *roles: str) -> TestResponse:
    headers = {"Idempotency-Key": ids.new()}
    return client(world, *roles).post("/api/workload/reports", json=body, headers=headers)


BODY: dict[str, Any] = {
    "unit": "P", "period_from": "2026-02-23", "period_to": "2026-02-27",
    "lines": [{"task": task, "volume": volume} for task, volume in BUSY_WEEK.items()],
}  # fmt: skip


# -- measuring -------------------------------------------------------------------------------------------------------


def test_the_final_analysis_is_announced_with_its_need(world: World) -> None:
    assert [(e.minutes, e.need) for e in told(world, "P", AbkFinalised)] == [(637_500, 9)]
    assert [(e.minutes, e.need) for e in told(world, "Q", AbkFinalised)] == [(315_000, 4)]


def test_a_report_of_the_busy_week_is_measured_and_its_overload_told(reported: World) -> None:
    (measured,) = told(reported, "P", WorkloadMeasured)
    assert (measured.minutes, measured.available, measured.staff) == (12_750, 9_000, 6)
    (changed,) = told(reported, "P", WorkloadChanged)
    assert (round(changed.ratio, 4), changed.level, changed.needed, changed.lasting) == (1.4167, "overload", 2.5, 3)
    assert changed.report == measured.report
    assert changed.as_of == date(2026, 2, 27)


def test_help_lowers_the_ratio_of_one_unit_and_raises_that_of_the_other(reported: World) -> None:
    seen = [(ratio(reported, "P"), ratio(reported, "Q"))]
    for n in range(4):
        move(reported, f"Q{n}", "temporary", "Q", "P", f"m{n}")
        reported.drain()
        seen.append((ratio(reported, "P"), ratio(reported, "Q")))
    assert seen == [(1.4167, 0.6), (1.2143, 0.7), (1.0625, 0.84), (0.9444, 1.05), (0.85, 1.4)]


def test_the_return_of_help_raises_the_ratio_again(reported: World) -> None:
    move(reported, "Q0", "temporary", "Q", "P", "m0")
    reported.drain()
    move(reported, "Q0", "returned", "P", "Q", "m0")
    reported.drain()
    assert (ratio(reported, "P"), ratio(reported, "Q")) == (1.4167, 0.6)


def test_half_a_person_helps_half_as_much(reported: World) -> None:
    move(reported, "Q0", "temporary", "Q", "P", "m0", share=0.5)
    reported.drain()
    assert (ratio(reported, "P"), ratio(reported, "Q")) == (round(8.5 / 6.5, 4), round(4.2 / 6.5, 4))


def test_an_extension_of_help_does_not_lend_twice(reported: World) -> None:
    for _ in range(2):
        move(reported, "Q0", "temporary", "Q", "P", "m0")
        reported.drain()
    assert (ratio(reported, "P"), ratio(reported, "Q")) == (1.2143, 0.7)


def test_only_a_definitive_move_fills_a_place_of_the_final_analysis(reported: World) -> None:
    move(reported, "Q0", "temporary", "Q", "P", "m0")
    reported.drain()
    assert client(reported).get("/api/workload/units/P").json["unit"]["lasting"] == 3
    move(reported, "Q1", "definitive", "Q", "P", "m1")
    reported.drain()
    assert client(reported).get("/api/workload/units/P").json["unit"]["lasting"] == 2


def test_help_returns_to_the_home_post_even_if_that_moved_meanwhile(reported: World) -> None:
    move(reported, "Q0", "temporary", "Q", "P", "m0")
    move(reported, "Q0", "definitive", "Q", "P", "m1")
    move(reported, "Q0", "returned", "P", "Q", "m0")
    reported.drain()
    assert (ratio(reported, "P"), ratio(reported, "Q")) == (1.2143, 0.7)


def test_a_recruit_is_one_more_at_work(reported: World) -> None:
    hire(reported, "new", "P")
    reported.drain()
    assert ratio(reported, "P") == 1.2143


def test_a_new_analysis_measures_the_unit_by_its_norms(reported: World) -> None:
    slower = [msgspec.structs.replace(line, norm=line.norm * 2) for line in COUNTER]
    reported.submit("workload", analysis("P", slower, version=2))
    assert ratio(reported, "P") == round(2 * 8.5 / 6, 4)


def test_a_unit_with_nobody_at_work_is_measured_when_someone_comes(world: World) -> None:
    register_unit(world, "new", "dukcapil", staff=0, places=1)
    world.drain()
    world.submit("workload", analysis("new", DONOR))
    answer = world.submit("workload", report("new", {"berkas": 150}))
    assert (answer["measurement"], told(world, "new", WorkloadMeasured)) == (None, [])
    assert client(world).get("/api/workload/units/new").json["unit"]["level"] == "unknown"
    hire(world, "first", "new")
    world.drain()
    assert ratio(world, "new") == 1.0


def test_wavering_about_a_threshold_is_told_once(world: World) -> None:
    register_unit(world, "R", "dukcapil", staff=1, places=1)
    world.drain()
    world.submit("workload", analysis("R", [AbkLine(task="t", name="T", volume=5_000, norm=15)]))
    weeks = [date(2026, 1, 19), date(2026, 1, 26), date(2026, 2, 2), date(2026, 2, 9), date(2026, 2, 23)]
    for week, volume in zip(weeks, [108, 109, 111, 109, 111], strict=True):
        world.submit("workload", report("R", {"t": volume}, week))
    assert [round(e.ratio, 2) for e in told(world, "R", WorkloadMeasured)] == [1.08, 1.09, 1.11, 1.09, 1.11]
    changed = told(world, "R", WorkloadChanged)
    assert [(round(e.previous_ratio, 2), round(e.ratio, 2), e.level) for e in changed] == [
        (1.08, 1.08, "balanced"),
        (1.08, 1.11, "overload"),
    ]


def test_a_correction_replaces_the_report_of_the_same_period(reported: World) -> None:
    halved = {task: count / 2 for task, count in BUSY_WEEK.items()}
    answer = reported.submit("workload", report("P", halved))
    assert round(answer["ratio"], 4) == round((604_500 / 2 + 33_000) / 450_000, 4)
    kept = [row for row in reported.rows("workload", table(Report)) if row["unit"] == "P"]
    assert {row["replaced_by"] for row in kept} == {None, answer["report"]}


def test_a_report_from_before_a_long_silence_does_not_fill_the_window(world: World) -> None:
    world.submit("workload", report("P", {"ktp-el": 9_999}, date(2026, 1, 5)))
    world.submit("workload", report("P", {"ktp-el": 96}, date(2026, 2, 27), days=1))
    assert ratio(world, "P") == round((360_000 + 33_000) / 450_000, 4)


KINDS = st.sampled_from(["definitive", "temporary", "returned"])
MOVES = st.tuples(
    st.integers(0, 6), KINDS, st.sampled_from("PQ"), st.sampled_from("PQ"), st.integers(0, 2), st.integers(1, 10)
)


@given(st.lists(MOVES, min_size=1, max_size=8))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_sequence_of_moves_loses_or_doubles_anyone(reported: World, moves: list[tuple[Any, ...]]) -> None:
    for person, kind, source, target, mutation, tenths in moves:
        move(reported, f"Q{person}", kind, source, target, f"m{mutation}", tenths / 10)
    reported.drain()
    assert reported.rows("workload", workload.SERVICE.inbox.waiting) == []
    with reported.app.databases.reader("workload").connect() as conn:
        assert round(sum(staff.value for staff in staff_of(conn.execute).values()), 6) == 13
    shares: dict[str, float] = {}
    for seat in reported.rows("workload", table(Seat)):
        shares[seat["person"]] = round(shares.get(seat["person"], 0) + seat["share"], 6)
    assert set(shares.values()) == {1.0}


# -- what is not accepted --------------------------------------------------------------------------------------------


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
        (lines(volume=float("nan")), 422, "lines[1].volume"),
        (lines(volume=float("inf")), 422, "lines[1].volume"),
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
    clerk = Actor("account", None, ("reports@dukcapil",))
    body = msgspec.to_builtins(analysis("P", COUNTER, version=2))
    headers = {"Idempotency-Key": ids.new()}
    path = "/api/workload/analyses"
    assert client(world, *clerk.roles).post(path, json=body, headers=headers).status_code == 403
    answer = client(world, "operator@imbang").post(path, json=body, headers=headers)
    assert (answer.status_code, answer.json) == (201, {"unit": "P", "version": 2, "need": 9})


def test_a_repeated_report_has_the_first_answer(world: World) -> None:
    sender, headers = client(world, "reports@dukcapil"), {"Idempotency-Key": ids.new()}
    answers = [sender.post("/api/workload/reports", json=BODY, headers=headers).json for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(told(world, "P", WorkloadMeasured)) == 1


# -- what people see -------------------------------------------------------------------------------------------------


def test_the_figure_opens_to_every_line_of_its_working(reported: World) -> None:
    page = client(reported).get("/workload/units/P?lang=en").text
    assert "637,500 ÷ (6 × 75,000) = 1.4167" in page
    window = page[page.index('id="window"') : page.index('id="needed"')]
    for line in ("480 ÷ 5 × 250 × 15 = 360,000", "192 ÷ 5 × 250 × 20 = 192,000", "35 ÷ 5 × 250 × 30 = 52,500",
                 "250 × 60 = 15,000", "12 × 1,500 = 18,000", "Final analysis, version 1", "3 days ago"):  # fmt: skip
        assert line in window
    annual = page[page.index('id="annual"') : page.index('id="need"')]
    assert "24,000 × 15 = 360,000" in annual
    assert "637.500 ÷ (6 × 75.000) = 1,4167" in client(reported).get("/workload/units/P").text


def test_every_link_within_the_page_of_a_unit_leads_somewhere(reported: World) -> None:
    page = client(reported).get("/workload/units/P").text
    targets = set(re.findall(r'href="#([^"]+)"', page)) - {"content"}
    assert {"window", "needed", "annual", "need", "staff", "lasting"} < targets
    assert targets <= set(re.findall(r'id="([^"]+)"', page))


def test_an_earlier_figure_opens_to_the_working_it_had(reported: World) -> None:
    move(reported, "Q0", "temporary", "Q", "P", "m0")
    reported.drain()
    page = client(reported).get("/workload/units/P?lang=en").text
    assert "637,500 ÷ (7 × 75,000) = 1.2143" in page
    newest, first = re.findall(r"\?measurement=([0-9a-f-]+)", page)
    earlier = client(reported).get(f"/workload/units/P?lang=en&measurement={first}").text
    assert "As measured on" in earlier
    assert "637,500 ÷ (6 × 75,000) = 1.4167" in earlier[earlier.index('id="window"') : earlier.index('id="needed"')]
    assert client(reported).get(f"/workload/units/Q?measurement={newest}").status_code == 404


def test_the_picture_says_who_drowns_and_who_idles_in_a_table_too(reported: World) -> None:
    page = client(reported).get("/workload/").text
    rows = page[page.index("<tbody>") :]
    assert rows.index("Loket P") < rows.index("Loket Q")
    for words in ("1,42", "+2,5", "kelebihan beban", "0,60", "−2,8", "longgar"):
        assert words in rows
    assert "belum melapor: tanpa usulan" not in page


def test_agencies_that_have_not_reported_are_counted_and_named(world: World) -> None:
    world.submit("workload", report("P", BUSY_WEEK))
    page = client(world).get("/workload/").text
    assert "1 dari 2 OPD belum melapor" in page
    assert "Dinas dpmptsp" in page[page.index('id="silent"') :]


def test_the_load_of_a_unit_whose_report_is_old_is_unknown(reported: World) -> None:
    def level() -> str:
        return str(client(reported).get("/api/workload/units/P").json["unit"]["level"])

    reported.clock.advance(timedelta(days=11))
    assert level() == "overload"
    reported.clock.advance(timedelta(days=STALE_AFTER + 7))
    assert level() == "unknown"
    assert "2 dari 2 OPD belum melapor" in client(reported).get("/workload/").text
    assert "tidak diketahui" in client(reported).get("/workload/units/P").text


def test_a_unit_that_never_reported_says_so(world: World) -> None:
    page = client(world).get("/workload/units/P").text
    assert "Belum terukur." in page
    assert "belum melapor" in page


@pytest.mark.parametrize("path", ["/api/workload/picture", "/api/workload/units/P", "/workload/", "/workload/units/P"])
def test_a_view_is_sent_again_only_when_it_has_changed(reported: World, path: str) -> None:
    reader = client(reported)
    etag = reader.get(path).headers["ETag"]
    assert reader.get(path, headers={"If-None-Match": etag}).status_code == 304
    move(reported, "Q0", "temporary", "Q", "P", "m0")
    reported.drain()
    assert reader.get(path, headers={"If-None-Match": etag}).status_code == 200


def test_units_come_in_pages_that_miss_and_repeat_none(world: World) -> None:
    for n in range(3):
        register_unit(world, f"R{n}", "bkd", staff=0, places=0)
    world.drain()
    seen, after, reader = [], "", client(world)
    while after is not None:
        page = reader.get("/api/workload/units", query_string={"limit": 2, "after": after}).json
        seen += [unit["unit"] for unit in page["units"]]
        after = page["next"]
    assert seen == ["P", "Q", "R0", "R1", "R2"]
    only = reader.get("/api/workload/units?opd=bkd").json
    assert [unit["unit"] for unit in only["units"]] == ["R0", "R1", "R2"]


@pytest.mark.parametrize("path", ["/workload/units/none", "/api/workload/units/none"])
def test_an_unknown_unit_is_not_found(world: World, path: str) -> None:
    assert client(world).get(path).status_code == 404
