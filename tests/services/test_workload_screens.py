"""What people see of workload: the picture, silence, and figures that open to their working."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.workload.freshness import STALE_AFTER
from tests.oracle import (
    BUSY_WEEK,
    client,
    move,
    oracle,
    register_unit,
    report,
    report_both,
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


def test_an_alarm_says_since_when_and_from_what_the_load_rose(reported: World) -> None:
    alarm = alarms(reported)
    assert ["P" in alarm, "EJ <b>1.42</b>" in alarm, "Q" in alarm] == [True, True, False]
    helpers = ("Q0", "Q1", "Q2")
    for person in helpers:
        move(reported, person, "temporary", "Q", "P", f"m-{person}")
    reported.drain()
    assert alarms(reported) == "", "with three helpers the load is 0.94"
    for person in helpers:
        move(reported, person, "returned", "P", "Q", f"m-{person}")
        reported.drain()
    assert "EJ 1.06 → <b>1.42</b>" in alarms(reported)


def alarms(world: World) -> str:
    """The list of alarms on the load page; empty when there is none."""
    page = client(world).get("/workload/?lang=en").text
    found = re.search(r'<ol class="alarms".*?</ol>', page, re.S)
    return found.group() if found else ""


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
