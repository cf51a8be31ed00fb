"""Structured logs: JSON lines for machines, colours for a terminal, never a person.

What services log is ids, codes and counts. Should a text from elsewhere (an exception, a library) hold a NIP, a NIK or
an e-mail address all the same, it is blotted out before anything is written. A line of a request carries its id.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Sequence
from time import perf_counter

import structlog
from flask import Flask, Response, g, request
from structlog.typing import EventDict, Processor, WrappedLogger

log = structlog.get_logger(__name__)

#: NIP (18 digits, maybe spaced 8-6-1-3) and NIK (16 digits).
NUMBERS = re.compile(r"\b\d{8} ?\d{6} ?\d ?\d{3}\b|\b\d{16}\b")
_PERSONAL = re.compile(NUMBERS.pattern + r"|[\w.+-]+@[\w-]+\.[\w.-]+")
BLOT = "▇"


def configure_logs(terminal: bool, level: int = logging.INFO) -> None:
    """Send our lines and those of libraries to standard error, readable when it is a terminal, else one JSON a line."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        blot,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    readable = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    written: Processor = readable if terminal else structlog.processors.JSONRenderer(default=str)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, written],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.getLogger("kafka").setLevel(max(level, logging.WARNING))  # it tells of every connection


def blot(logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
    """The line without anything that names a person."""
    return {key: blotted(value, _PERSONAL) for key, value in line.items()}


def blotted(value: object, personal: re.Pattern[str]) -> object:
    """A text, or plain data full of texts, without what the pattern finds."""
    match value:
        case str():
            return personal.sub(BLOT, value)
        case dict():
            return {blotted(key, personal): blotted(inner, personal) for key, inner in value.items()}
        case Sequence() if not isinstance(value, bytes):
            return [blotted(inner, personal) for inner in value]
    return value


def install_logs(app: Flask) -> None:
    """One line a request, with its id, route, status and duration; neither address, query, body nor account."""

    @app.before_request
    def begin() -> None:
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)
        g.began = perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else "unknown"
        if "began" in g and not route.startswith("/static/"):
            ms = round((perf_counter() - g.began) * 1000, 1)
            log.info("request", method=request.method, route=route, status=response.status_code, ms=ms)
        return response
