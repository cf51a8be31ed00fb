"""A process with a web door: `python -m tests.bench.door real|empty`, set by the environment as `imbang serve` is.

`real` serves what `imbang serve` serves, on the benchmark definition. `empty` has the same server around one route that
does nothing: what Flask and the server cost by themselves.
"""

from __future__ import annotations

import dataclasses
import logging
import sys
from collections.abc import Mapping
from pathlib import Path

from flask import Flask

from deploy.cluster import Answering
from services.app import NAMES, build
from services.config import from_environment
from services.logs import configure_logs
from services.serving import serve
from tests.bench import flow
from tests.bench.stage import ROOT


class Door(Answering):
    """The process, as a handle for whoever starts it."""

    def __init__(self, directory: Path, port: int, kind: str, environment: Mapping[str, str]):
        super().__init__(directory, port)
        self.kind = kind
        self.environment = {
            **environment,
            "IMBANG_PORT": str(port),
            "IMBANG_DIRECTORY": str(directory),
            "PYTHONPATH": str(ROOT),  # it runs in its own directory
        }

    def start(self, seconds: float = 60) -> None:
        self.directory.mkdir()
        self.spawn([sys.executable, "-m", __name__, self.kind, str(self.directory)], self.ready, seconds)


def empty() -> Flask:
    web = Flask("empty")

    @web.post("/")
    @web.get("/healthz")
    def nothing() -> str:
        return ""

    return web


if __name__ == "__main__":
    configure_logs(False, logging.INFO)
    flow.register()
    application = build(from_environment(NAMES))
    if sys.argv[1] == "empty":
        application = dataclasses.replace(application, web=empty())
    sys.exit(serve(application))
