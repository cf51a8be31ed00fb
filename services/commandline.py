"""What the commands of the command line share: their register, and how they open the services and answer."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from services.app import NAMES, SERVICES, Application, build
from services.audit import key
from services.config import Config, from_environment
from services.db import Databases
from services.migrate import require_migrated

Run = Callable[[argparse.Namespace], int]


class Option(NamedTuple):
    """What a command may be told, as `argparse` takes it."""

    name: str
    told: dict[str, Any]


class Command(NamedTuple):
    """`run` returns the exit code; its docstring is the help."""

    run: Run
    options: Sequence[Option]


COMMANDS: dict[str, Command] = {}


def option(name: str, **told: Any) -> Option:
    return Option(name, told)


def command(name: str, *options: Option) -> Callable[[Run], Run]:
    """Register a command."""

    def register(run: Run) -> Run:
        COMMANDS[name] = Command(run, options)
        return run

    return register


def configured(demo: bool | None = None) -> Config:
    """The settings of the environment; Misconfigured where they do not fit. `demo` overrules it."""
    config = from_environment(NAMES)
    key.check(config)
    return config if demo is None else dataclasses.replace(config, demo=demo)


def migrated(config: Config | None = None) -> Application:
    """The services of the environment, on databases that are ready for them; NotMigrated else."""
    config = config or configured()
    databases = Databases(config)
    require_migrated(databases, [s for s in SERVICES if s.name in (config.services or NAMES)])
    databases.close()
    return build(config)


@contextmanager
def opened(config: Config) -> Iterator[Application]:
    """The same, let go of afterwards."""
    app = migrated(config)
    try:
        yield app
    finally:
        app.runtime.stop()


def say(facts: Any, as_json: bool) -> None:
    """Print facts: as JSON, or for people a text, a line for each fact, or lines."""
    if as_json:
        print(json.dumps(facts, default=str))
    elif isinstance(facts, str):
        print(facts)
    elif isinstance(facts, dict):
        for name, value in facts.items():
            print(f"{name:28} {value}")
    else:
        for line in facts:
            print(line)
