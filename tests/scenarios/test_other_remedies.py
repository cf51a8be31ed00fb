"""When help for a time is not the whole answer: a shortage that lasts, and a counter of another government."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import msgspec
import pytest

from deploy.sample import days, loads
from deploy.sample.accounts import PASSWORD
from deploy.sample.browserless import Visitor
from deploy.sample.days import province
from deploy.sample.demo import Embedded
from deploy.sample.model import Abk
from deploy.sample.source import Source, Unit
from services.workload.commands import Counted, SubmitReport
from services.service import Command
from events import ids
from tests.scenarios import proofs

pytestmark = pytest.mark.timeout(300)

#: The counter of Kota Tidore Kepulauan, which stands in Sofifi, too.
TIDORE = "8272.disdukcapil.loket-sofifi"


@pytest.fixture
def short_of_one(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The final workload analysis of the counter needs seven people; six work there."""
    ordinary, counter = loads.final_abk, province().planted.counter

    def final_abk(unit: Unit, ratio: float, source: Source, *rest: object) -> Abk:
        abk = ordinary(unit, ratio, source, *rest)
        if unit.unit != counter:
            return abk
        more = [msgspec.structs.replace(task) for task in abk.tasks]
        return msgspec.structs.replace(abk, tasks=more)

    monkeypatch.setattr(loads, "final_abk", final_abk)
    days.province.cache_clear()
    yield
    days.province.cache_clear()
