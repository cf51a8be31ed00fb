"""Logs are lines of JSON, or readable in a terminal; they carry the request's id and never a person."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from flask import Flask, abort

from services.http import install_http
from services.logs import BLOT, configure_logs, install_logs

REQUEST = "0190a000-0000-7000-8000-000000000001"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    structlog.contextvars.clear_contextvars()
    yield
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def served(path: str = "/units/<unit>") -> Flask:
    app = Flask("logged", static_folder=None)
    install_http(app)
    install_logs(app)
    app.add_url_rule(path, view_func=lambda unit: abort(404) if unit == "none" else unit, endpoint="unit")
    return app


def test_a_line_is_json_with_level_name_and_time(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(terminal=False)
    structlog.get_logger("services.tried").warning("the world is slow", error="timeout", size=3)
    (line,) = lines(capsys)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "the world is slow", "level": "warning", "logger": "services.tried", "error": "timeout", "size": 3,
    }  # fmt: skip


def test_lines_of_libraries_have_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(terminal=False)
    logging.getLogger("waitress").warning("queue depth is %d", 4)
    (line,) = lines(capsys)
    assert (line["event"], line["logger"], line["level"]) == ("queue depth is 4", "waitress", "warning")


def test_debugging_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(terminal=False)
    structlog.get_logger().debug("chatter")
    logging.getLogger("library").debug("chatter")
    assert lines(capsys) == []


def test_a_terminal_gets_text(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(terminal=True)
    try:
        raise ValueError("bug")
    except ValueError:
        structlog.get_logger().exception("event parked")
    shown = capsys.readouterr().err
    assert "event parked" in shown
    assert "ValueError: bug" in shown


@pytest.mark.parametrize(
    "name", ["198503172010011007", "19850317 201001 1 007", "8271011703850003", "rahma@malutprov.go.id"]
)
def test_what_names_a_person_is_blotted_out_wherever_it_stands(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(terminal=False)
    log = structlog.get_logger()
    log.info(f"found {name}", error=f"row ({name!r},)", deep={"list": [name]})
    logging.getLogger("library").info("read %s", name)
    try:
        raise ValueError(name)
    except ValueError:
        log.exception("failed")
    shown = capsys.readouterr().err
    assert name not in shown
    assert json.dumps(BLOT)[1:-1] in shown


def test_ids_and_figures_are_left_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(terminal=False)
    structlog.get_logger().info("done", id=REQUEST, n=1234567890123456, at="2026-03-02T00:00:00Z")
    (line,) = lines(capsys)
    assert (line["id"], line["n"], line["at"]) == (REQUEST, 1234567890123456, "2026-03-02T00:00:00Z")


def test_a_request_is_one_line_with_its_id_and_route_but_not_what_was_asked(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(terminal=False)
    served().test_client().get("/units/sofifi?name=rahma", headers={"X-Request-Id": REQUEST})
    (line,) = lines(capsys)
    assert line["ms"] >= 0
    assert {k: line[k] for k in ("event", "method", "route", "status", "request_id")} == {
        "event": "request", "method": "GET", "route": "/units/<unit>", "status": 200, "request_id": REQUEST,
    }  # fmt: skip
    assert "rahma" not in str(line)
    assert "sofifi" not in str(line)


def test_each_request_has_its_own_id(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(terminal=False)
    client = served().test_client()
    client.get("/units/none")
    client.get("/nowhere")
    first, second = lines(capsys)
    assert first["request_id"] != second["request_id"]
    assert [(line["status"], line["route"]) for line in (first, second)] == [(404, "/units/<unit>"), (404, "unknown")]
