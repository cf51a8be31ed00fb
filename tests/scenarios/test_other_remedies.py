"""When help for a time is not the whole answer: a shortage that lasts, and a counter of another government."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from random import Random

import msgspec
import pytest

from deploy.sample import days, loads
from deploy.sample.accounts import PASSWORD
from deploy.sample.browserless import Turned, Visitor
from deploy.sample.demo import Embedded
from deploy.sample.model import Abk
from deploy.sample.source import Source, Unit
from events import ids
from services.service import Command
from services.workload.commands import Counted, SubmitReport
from tests.scenarios import proofs

pytestmark = pytest.mark.timeout(300)

COUNTER = "8200.dukcapil.loket-sofifi"
#: The counter of Kota Tidore Kepulauan, which stands in Sofifi, too.
TIDORE = "8272.disdukcapil.loket-sofifi"


@pytest.fixture
def short_of_one(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """By its final workload analysis the counter needs seven people; six work there."""
    ordinary = loads.final_abk

    def final_abk(unit: Unit, ratio: float, source: Source, day: date, rng: Random) -> Abk:
        abk = ordinary(unit, ratio, source, day, rng)
        if unit.unit != COUNTER:
            return abk
        more = 7 * abk.wke / abk.minutes
        return msgspec.structs.replace(abk, tasks=[replace(task, volume=task.volume * more) for task in abk.tasks])

    monkeypatch.setattr(loads, "final_abk", final_abk)
    days.province.cache_clear()
    yield
    days.province.cache_clear()


def pass_days(stage: Embedded, count: int) -> None:
    for _ in range(count):
        stage.next_day()
        stage.settle()


@pytest.mark.usefixtures("short_of_one")
def test_only_the_part_of_a_shortage_that_lasts_is_filled_for_good(embedded: Embedded) -> None:
    pass_days(embedded, 6)
    found = [p for p in proofs.proposals(embedded.app) if p.to_unit == COUNTER]
    assert sorted(p.mode for p in found) == ["permanent", "temporary"]
    assert {p.mode: p.until is None for p in found} == {"permanent": True, "temporary": False}
    routes = {case.definition.partition("@")[0] for case in proofs.cases(embedded.app)}
    assert routes == {"R1", "R5"}


def test_a_counter_of_another_government_is_told_which_way_leads_over_and_who_has_a_say(embedded: Embedded) -> None:
    """Nobody at home could help Tidore's counter; people of the province could, by a route of its own."""
    flood(embedded, TIDORE)
    assert [p for p in proofs.proposals(embedded.app) if p.to_unit == TIDORE] == []
    assert proofs.cases(embedded.app) == []
    officer = Visitor(embedded.http(), "bkd", PASSWORD)
    page = officer.http.get("/optimizer/").text
    hint = page[page.index("Perlu jalur lain") : page.index("Yang tidak diusulkan")]
    said = ["Loket Dukcapil Kota Tidore di Sofifi", "Penugasan pada instansi lain", "Kota Tidore Kepulauan", "meminta"]
    said += ["Provinsi Maluku Utara", "menyetujui", "BKN", "menugaskan"]
    place = 0
    for words in said:
        place = hint.find(words, place)
        assert place != -1, f"{words} does not follow"
    post = next(p.position for p in days.province().positions if p.unit == TIDORE)
    draft = {"person": days.province().planted.unwilling, "to_position": post, "origin": "load"}
    dates = {"mode": "temporary", "start": "2026-03-16", "until": "2026-06-12"}
    with pytest.raises(Turned, match=r"not_your_office.*8272\.personnel-officer"):
        officer.post_json("/api/mutations/", draft | dates)
    receiver = Visitor(embedded.http(), "kepala.8272.disdukcapil", PASSWORD)
    receiver.post_json("/api/mutations/", draft | dates)
    embedded.settle()
    assert [case.definition for case in proofs.cases(embedded.app)] == ["R6@1"]


def flood(stage: Embedded, unit: str) -> None:
    """A day with three times the work of an ordinary one."""
    ordinary = next(r for r in days.province().reports if r.unit == unit)
    today = stage.today()
    report = SubmitReport(
        unit=unit,
        period_from=today,
        period_to=today,
        lines=[Counted(task=task, volume=3 * count / ordinary.days) for task, count in ordinary.counts.items()],
        absent_days=0,
    )
    stage.app.committer.submit("workload", Command(id=ids.new(), data=report))
    stage.settle()
