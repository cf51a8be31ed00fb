"""The demo clock: "next working day" on every screen of the sample. Not there in production."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, Flask, flash, redirect, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from services.auth import open_door
from services.http import application


def install_demo(web: Flask) -> None:
    """Show business time on the screens, and let a visitor move it where the units' reports are taken in."""
    web.context_processor(lambda: {"business_now": business_now()})
    web.register_blueprint(_door())


def business_now() -> datetime:
    """Business time by the clock of this process."""
    app = application()
    with app.databases.reader(app.services[0].name).connect() as conn:
        return app.clock.read(conn).now


def _door() -> Blueprint:
    door = Blueprint("demo", __name__, url_prefix="/demo")

    @door.post("/next-day")
    @open_door
    def next_day() -> Response:
        """The units report what they did today, and the next working day begins."""
        from deploy.sample import days

        app = application()
        day = days.today(app)
        days.report_day(app, day)
        days.move_clock(app, days.morning(days.next_working_day(day)))
        flash(_("Hari kerja berikutnya sudah tiba."), "success")
        return redirect(_back(request.referrer))

    return door


def _back(referrer: str | None) -> str:
    """The page from which the button was pressed, if it is one of ours."""
    ours = request.host_url
    return "/" + referrer.removeprefix(ours) if referrer and referrer.startswith(ours) else "/workload/"
