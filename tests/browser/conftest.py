"""The sample province in a real browser: sites on copies of one loaded database, and the people who visit them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.site import Site, copied
from tests.browser.visitor import PATIENCE_SECONDS, Visitor
from tests.stations import CHROMIUM_FLAGS, Stations

Visit = Callable[..., Visitor]


@pytest.fixture(scope="session")
def browser(chromium: Path) -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_SECONDS * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(chromium: Path, stations: Stations) -> Iterator[Site]:
    """A site that the tests of a file share: they may add to it, but not let days pass."""
    yield from served(stations)


@pytest.fixture
def own_site(chromium: Path, stations: Stations) -> Iterator[Site]:
    """A site of the test's own, in which it may let days pass."""
    yield from served(stations)


def served(stations: Stations) -> Iterator[Site]:
    site = copied(stations, stations.directory / f"site-{uuid.uuid4().hex}")
    yield site
    site.stop()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Send people to a site: `visit(site, "bkd", phone=True)`. Nothing may have troubled their browsers in the end."""
    visitors: list[Visitor] = []

    def arrive(site: Site, login: str, **how: bool | str) -> Visitor:
        visitors.append(Visitor(browser, site, **how))  # type: ignore[arg-type]
        return visitors[-1].sign_in(login)

    yield arrive
    troubles = [trouble for visitor in visitors for trouble in visitor.troubles]
    for visitor in visitors:
        visitor.context.close()
    assert troubles == []
