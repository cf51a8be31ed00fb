"""Three times the load that a process carries: it says so with 429, keeps its bounds, loses nothing, and recovers."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from deploy.native import free_ports
from services.serving import COMMANDS, PATIENCE, ROOM
from tests.crowd import Answer, Crowd, closed_loop, for_seconds, open_loop, percentile, told
from tests.scenarios.served import Office, Process, observer, populate

CLIENTS = 8
#: Seconds of load that can be carried, and of the threefold.
CARRIED, OVER = 3.0, 6.0


async def carried(crowd: Crowd, office: Office) -> tuple[list[Answer], float]:
    """What a few clients who wait for their answers bring about, and how much of it a second."""
    began = time.perf_counter()
    answers = await closed_loop(crowd, CLIENTS, office.drafts(), for_seconds(CARRIED))
    return answers, len(answers) / (time.perf_counter() - began)


async def crowded(port: int, office: Office) -> dict[str, list[Answer]]:
    """Before, during and after; during it others read, and operators look whether the process lives."""
    clients, readers, operators = Crowd(port), Crowd(port), Crowd(port)
    before, rate = await carried(clients, office)
    during, reads, health = await asyncio.gather(
        open_loop(clients, 3 * rate, office.drafts(), OVER),
        open_loop(readers, 5, office.looks(), OVER),
        open_loop(operators, 5, office.looks("/healthz"), OVER),
    )
    after, again = await carried(clients, office)
    for crowd in (clients, readers, operators):
        await crowd.close()
    found = {"before": before, "during": during, "reads": reads, "health": health, "after": after}
    print(f"carried {rate:.0f}/s, afterwards {again:.0f}/s")
    for name, answers in found.items():
        print(f"{name:8} {told(answers)}")
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_under_three_times_its_load_a_process_refuses_in_time_loses_nothing_and_recovers(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/imbang.db" if kind == "sqlite" else request.getfixturevalue("postgres_url")
    populate(url)
    app, process = observer(url, tmp_path), Process(tmp_path / "all-1", url, free_ports(1)[0])
    office = Office(app)
    try:
        process.start()
        office.opens(process.port)
        found = asyncio.run(crowded(process.port, office))
        if not any(answer.status == 429 for answer in found["during"]):  # others had the machine before, and left it
            found = asyncio.run(crowded(process.port, office))
        hold(found, office)
    finally:
        process.stop()
        app.runtime.stop()


def hold(found: dict[str, list[Answer]], office: Office) -> None:
    """What was let in was done in time and once, what was refused was not done, and others were not kept waiting."""
    taken, refused = ([a for a in found["during"] if a.status == status] for status in (201, 429))
    rate = len(found["before"]) / CARRIED
    print(f"accepted {told(taken)}\nrefused  {told(refused)}")
    assert len(taken) + len(refused) == len(found["during"])
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    # Who is let in waits for those before: as many as there is room for, at the rate of these very seconds.
    assert percentile(taken, 0.99) < min(PATIENCE, max(2.0, 4 * (ROOM + COMMANDS) * OVER / len(taken)))
    assert len(taken) > rate * OVER / 5  # what is refused does not eat up what could be done
    assert {answer.status for answer in found["reads"] + found["health"]} == {200}
    assert {answer.status for answer in found["before"] + found["after"]} == {201}
    assert percentile(found["after"], 0.5) < 5 * percentile(found["before"], 0.5) + 0.1
    assert office.effects(found["before"] + taken + found["after"]).keys() == {1}
    assert office.effects(refused).keys() == {0}
