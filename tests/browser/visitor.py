"""A person at a browser: signs in, opens pages, fills in forms; everything odd that the browser notices is kept."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, ViewportSize, expect

from deploy.daemon import wait_until
from deploy.sample.accounts import PASSWORD
from tests.browser.site import Site

#: A machine that does other things meanwhile may take this long to let the consequences of an act happen.
PATIENCE_SECONDS = 60
DESK: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 360, "height": 740}
REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) => console.error(
  `content security policy: ${event.violatedDirective} ${event.blockedURI} on ${event.documentURI}`));
"""


class Visitor:
    """One browser window with its own cookies. `troubles` must be empty in the end, or have been expected."""

    def __init__(
        self, browser: Browser, site: Site, *, phone: bool = False, scripts: bool = True, language: str = "id"
    ) -> None:
        self.site, self.language, self.troubles = site, language, list[str]()
        self.context = browser.new_context(
            base_url=site.url,
            viewport=PHONE if phone else DESK,
            java_script_enabled=scripts,
            locale="id-ID" if language == "id" else "en-GB",
            reduced_motion="reduce",
        )
        self.context.set_default_timeout(PATIENCE_SECONDS * 1000)
        self.context.add_init_script(REPORT_VIOLATIONS)
        self.page: Page = self.context.new_page()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.troubles.append(f"script: {error}"))
        self.context.on("request", self._watch)

    def sign_in(self, login: str) -> Visitor:
        """Through the sign-in form; the first page is shown then."""
        self.open(f"/identity/sign-in?lang={self.language}")
        self.page.locator("#login").fill(login)
        self.page.locator("#password").fill(PASSWORD)
        self.page.locator("form.card button").click()
        expect(self.page.locator(".signin")).to_have_count(0)
        return self

    def open(self, path: str) -> None:
        """Go to a page, which must be there."""
        answer = self.page.goto(path)
        assert answer is not None, path
        assert answer.status < 400, f"{path}: {answer.status} {self.page.locator('main').inner_text()}"

    def next_day(self) -> None:
        """Press the button of the demo clock, and see the day change."""
        before = self.page.locator(".clock b").inner_text()
        self.page.locator(".clock button").click()
        expect(self.page.locator(".clock b")).not_to_have_text(before)

    def wait_for(self, path: str, seen: Callable[[Page], Locator]) -> Locator:
        """Open a page until what follows from an earlier act is on it."""

        def found() -> bool:
            self.open(path)
            return seen(self.page).count() > 0

        assert wait_until(found, PATIENCE_SECONDS), f"{path}: {self.page.locator('main').inner_text()}"
        return seen(self.page).first

    def act(self, command: str, **fields: str) -> None:
        """Fill in the form of a command on the page of a case and send it; the value for a paper is its text."""
        form = self.page.locator(f'form[action$="/act/{command}"]')
        for name, value in fields.items():
            field = form.locator(f'[name="{name}"]:not([type="hidden"])')
            if field.get_attribute("type") == "file":
                field.set_input_files({"name": "paper.txt", "mimeType": "text/plain", "buffer": value.encode()})
            elif field.get_attribute("type") == "checkbox":
                field.set_checked(bool(value))
            elif field.evaluate("field => field.tagName") == "SELECT":
                field.select_option(value)
            else:
                field.fill(value)
        form.locator("button").click()
        self.page.wait_for_load_state()

    def refused(self, status: int) -> Locator:
        """The words of a refusal: the browser complains of its status, and of nothing else."""
        notice = self.page.locator("article[role=alert], article.problem")
        expect(notice).to_be_visible()
        assert wait_until(lambda: bool(self._settle()), 5), "the browser did not notice a refusal"
        (complaint,) = self.troubles
        assert f"status of {status}" in complaint, complaint
        self.troubles.clear()
        return notice

    def fits(self) -> bool:
        """Whether the page needs no sideways scrolling."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))

    def _settle(self) -> list[str]:
        self.page.evaluate("0")  # a round trip, in which pending messages of the console arrive
        return self.troubles

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(f"console on {self.page.url}: {message.text}")

    def _watch(self, request: Request) -> None:
        there = urlsplit(request.url)
        if there.scheme not in ("data", "blob") and f"{there.scheme}://{there.netloc}" != self.site.url:
            self.troubles.append(f"request to {request.url}")
