"""What was accepted stands in the inbox of whoever reads next: it is read from what the command's transaction wrote."""

from __future__ import annotations

from tests.town import PAPER, acting, drafted, give
from tests.worlds import World


def asked(place: World, part: str, case: str) -> list[str]:
    """What the inbox of a person says of a case."""
    duties = acting(place, part).get("/api/mutations/inbox").get_json()["duties"]
    return [duty["duty"] for duty in duties if duty["mutation"] == case]


def test_the_next_read_of_an_inbox_knows_every_command_that_was_accepted(place: World) -> None:
    officer, verifier = acting(place, "officer"), acting(place, "verifier")
    case = str(give(officer, "/api/mutations/", drafted("ana")).get_json()["mutation"])
    assert give(officer, f"/api/mutations/{case}/submit", {"documents": {"G2": PAPER}}).status_code == 200
    assert asked(place, "verifier", case) == ["screening"]
    assert asked(place, "ana", case) == []
    # Nothing turns between a command and the read after it: no relay, no consumer, no timer.
    assert give(verifier, f"/api/mutations/{case}/screen", {"outcome": "pass"}).status_code == 200
    assert asked(place, "verifier", case) == []
    assert asked(place, "ana", case) == ["employee"]
