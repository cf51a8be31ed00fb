"""Who may import whom, as prohibitions (CONTRIBUTING.md has the table); each is shown to find a planted fault."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WEB = ("flask", "flask_babel", "flask_smorest", "flask_sqlalchemy", "flask_wtf", "waitress", "werkzeug")
STORES = ("alembic", "events.bulk", "events.inbox", "events.kafka", "events.log", "events.outbox", "sqlalchemy")
TRANSPORT = (*STORES, "kafka", "psycopg", "requests", "socket", "http.client", "urllib.request")
CHANCE = ("os", "random", "secrets", "threading", "time", "uuid")
CLOCKS = {f"{kind}.{method}" for kind in ("date", "datetime") for method in ("now", "today", "utcnow")}
CONTRACTS = "events/{authority,catalog,envelope,identity,mutation,personnel,proposal,upcasts,workload}.py"
PURE = (
    "services/audit/{chain,checkpoint}.py",
    "services/optimizer/{explain,picture,solver}.py",
    "services/personnel/nip.py",
    "services/webhooks/{schedule,signing}.py",
    "services/workload/{measure,working}.py",
)
#: The composition root; it alone knows all services.
ROOTS = tuple(f"services/{name}.py" for name in ("__main__", "app", "casework", "commandline", "keeping"))


@dataclass(frozen=True)
class Ban:
    """In `files`, none of `modules` may be imported; `but` names the exceptions. Braces list alternatives."""

    files: tuple[str, ...]
    modules: tuple[str, ...]
    but: tuple[str, ...] = ()
    clock: bool = False

    def covers(self, path: str) -> bool:
        return any(matches(path, p) for p in self.files) and not any(matches(path, p) for p in self.but)


CODE = ("events/*", "workflow/*", "services/*")
BANS = (
    Ban(CODE, ("kafka",), but=("events/kafka.py", "events/kafka_scan.py")),
    Ban(CODE, ("psycopg",), but=("events/binary.py", "events/wire.py")),
    Ban(CODE, ("transitions",), but=("workflow/machine.py",)),
    Ban(CODE, ("ortools",), but=("services/optimizer/solver.py",)),
    Ban(CODE, ("aiohttp", "asyncio", "celery", "httpx", "transitions.extensions")),
    Ban(CODE, ("requests", "urllib.request", "http.client"), but=("services/webhooks/*",)),
    Ban(("events/*",), (*WEB, "services", "workflow", "requests")),
    Ban((CONTRACTS,), (*TRANSPORT, *CHANCE), clock=True),
    Ban(("workflow/*",), (*WEB, *TRANSPORT, *CHANCE, "services", "structlog"), clock=True),
    Ban(PURE, (*WEB, *TRANSPORT, "random", "time", "services.db", "services.transaction"), clock=True),
)


def matches(path: str, pattern: str) -> bool:
    head, brace, rest = pattern.partition("{")
    if not brace:
        return fnmatch(path, pattern)
    choices, _, tail = rest.partition("}")
    return any(fnmatch(path, head + choice + tail) for choice in choices.split(","))


def imported(tree: ast.AST, package: list[str]) -> Iterator[str]:
    """Every module or member that is imported, wherever the import stands, by its full name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def asks_a_clock(tree: ast.AST) -> bool:
    calls = (ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call))
    return any(".".join(call.split(".")[-2:]) in CLOCKS for call in calls)


def within(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


def violations(root: Path) -> list[str]:
    """`file: what it imports` for each import that is prohibited."""
    files = sorted(path for top in ("events", "workflow", "services") for path in (root / top).rglob("*.py"))
    services = {path.parent.name for path in (root / "services").glob("*/__init__.py")}
    found = []
    for file in files:
        path, tree = file.relative_to(root).as_posix(), ast.parse(file.read_text())
        names = sorted(set(imported(tree, list(file.relative_to(root).parent.parts))))
        for ban in BANS:
            if ban.covers(path):
                found += [f"{path}: {name}" for name in names if any(within(name, module) for module in ban.modules)]
                if ban.clock and asks_a_clock(tree):
                    found.append(f"{path}: asks a clock")
        if path.startswith("services/") and path not in ROOTS:
            others = services - {file.parent.relative_to(root / "services").parts[0] if "/" in path[9:] else ""}
            found += [f"{path}: {name}" for name in names if any(within(name, f"services.{o}") for o in others)]
    return found


def test_no_module_imports_what_it_may_not() -> None:
    assert violations(ROOT) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("services/audit/api.py", "from services.personnel import models"),
        ("services/audit/api.py", "from services import personnel"),
        ("services/audit/api.py", "from ..personnel import models"),
        ("services/audit/deep/api.py", "import services.personnel.models"),
        ("services/db.py", "from services import audit"),
        ("services/audit/handlers.py", "def late():\n    import kafka"),
        ("services/audit/handlers.py", "import requests"),
        ("services/audit/models.py", "from psycopg import sql"),
        ("services/audit/chain.py", "from flask import request"),
        ("services/audit/chain.py", "from datetime import UTC, datetime\nAT = datetime.now(UTC)"),
        ("services/personnel/models.py", "from ortools.graph import cp_model"),
        ("events/inbox.py", "from services import db"),
        ("events/outbox.py", "import flask"),
        ("events/workload.py", "import sqlalchemy as sa"),
        ("events/workload.py", "from events import outbox"),
        ("workflow/mutation.py", "import random"),
        ("workflow/mutation.py", "from time import monotonic"),
        ("workflow/mutation.py", "from transitions import Machine"),
        ("workflow/guards/case.py", "from datetime import date\nTODAY = date.today()"),
        ("workflow/guards/case.py", "from services.clock import SetClock"),
        ("workflow/machine.py", "from transitions.extensions import HierarchicalMachine"),
    ],
)
def test_a_planted_import_is_found(path: str, source: str, tmp_path: Path) -> None:
    plant(tmp_path, path, source)
    assert [fault.partition(":")[0] for fault in violations(tmp_path)] == [path]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("services/app.py", "from services import audit, personnel"),
        ("services/audit/api.py", "from services.audit import models"),
        ("services/audit/api.py", "from services import db\nfrom events import bulk"),
        ("events/kafka.py", "import kafka"),
        ("workflow/machine.py", "from transitions import Machine"),
        ("workflow/mutation.py", "from events import mutation"),
    ],
)
def test_what_is_allowed_is_let_pass(path: str, source: str, tmp_path: Path) -> None:
    plant(tmp_path, path, source)
    assert violations(tmp_path) == []


def plant(root: Path, path: str, source: str) -> None:
    for name in ("services/audit/__init__.py", "services/personnel/__init__.py", path):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / path).write_text(source)
