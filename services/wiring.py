"""Who does what when: each event with its handlers, commands, timers and jobs, routes with their guards.

Read from the services' own descriptions; nothing is started and no database is asked.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec
from flask import Flask

from events import documents
from events.catalog import entry
from services import operations
from services.http import install_http
from services.service import Service, Subscription

#: Routes that are not ours, so nothing in our code guards them. Both are public on purpose.
FOREIGN = {
    "static": "Flask serves the files of static/, which hold no secret",
    "api-docs.openapi_json": "flask-smorest serves the description of the API",
}
Handler = Callable[..., Any]


class Handled(msgspec.Struct, frozen=True):
    """What arrives at a service, and the function that takes it. `kind` of an event's: `projects` or `reacts`."""

    service: str
    name: str
    handler: str
    kind: str = ""


class Route(msgspec.Struct, frozen=True, order=True):
    """A route for one method. `guard`: `open`, `signed in`, roles of which one is needed, or None: unguarded."""

    rule: str
    method: str
    endpoint: str
    guard: str | None


def wiring(services: Sequence[Service]) -> dict[str, Any]:
    """All wires as plain data, for `--json`."""
    found = {
        "events": {kind.type: handlers_of(services, kind.type) for kind in documents.kinds()},
        "commands": [_handled(s, kind.__name__, h) for s in services for kind, h in s.commands.items()],
        "timers": [_handled(s, name, h) for s in services for name, h in s.timers.items()],
        "jobs": [_handled(s, kind, h) for s in services for kind, h in s.jobs.items()],
        "routes": routes(_doors(services)),
    }
    plain: dict[str, Any] = msgspec.to_builtins(found)
    return plain


def handlers_of(services: Iterable[Service], type_string: str) -> list[Handled]:
    """Who takes an event, in the order of the services; a subscription to all events is shown at each of them."""
    return [
        _handled(service, type_string, subscription.handler, subscription.kind)
        for service in services
        for subscription in service.hears
        if _takes(subscription, type_string)
    ]


def routes(web: Flask) -> list[Route]:
    """Every route of a web application, method by method, with its guard."""
    return sorted(
        Route(rule.rule, method, rule.endpoint, _guard(web.view_functions[rule.endpoint], method))
        for rule in web.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    )


def text(services: Sequence[Service]) -> str:
    """The same for readers, one section a kind."""
    return "\n".join(_lines(wiring(services)))


def _lines(wires: dict[str, Any]) -> Iterator[str]:
    yield "events"
    for name, takers in wires["events"].items():
        yield f"  {name}"
        for taker in takers or [{"service": "nobody", "kind": "", "handler": ""}]:
            yield f"    {taker['service']:12} {taker['kind']:9} {taker['handler']}".rstrip()
    for section in ("commands", "timers", "jobs"):
        yield f"\n{section}"
        for wire in wires[section]:
            yield f"  {wire['service']:12} {wire['name']:28} {wire['handler']}"
    yield "\nroutes"
    for route in wires["routes"]:
        yield f"  {route['method']:6} {route['rule']:48} {route['guard'] or 'NOT GUARDED'}"


def _takes(subscription: Subscription, type_string: str) -> bool:
    return subscription.event == "*" or entry(subscription.event).type == type_string


def _handled(service: Service, name: str, handler: Handler, kind: str = "") -> Handled:
    return Handled(service.name, name, _place(handler), kind)


def _place(handler: Handler) -> str:
    """Where a function is defined, as `module.function`; of a partial, the function that it completes."""
    while isinstance(handler, functools.partial):
        handler = handler.func
    return f"{handler.__module__}.{getattr(handler, '__qualname__', type(handler).__qualname__)}"


def _doors(services: Iterable[Service]) -> Flask:
    """The doors of the services and of the kernel on a bare application."""
    web = Flask("wiring", static_folder=None)
    install_http(web)
    for door in (*operations.DOORS, *(door for service in services for door in service.doors)):
        web.register_blueprint(door)
    return web


def _guard(view: Handler, method: str) -> str | None:
    """The guard that `open_door` or `requires` left on a view, or on the method of a view class."""
    inner = getattr(getattr(view, "view_class", None), method.lower(), None)
    guard = getattr(view, "guard", None) or getattr(inner, "guard", None)
    return guard if guard is None or isinstance(guard, str) else ", ".join(guard)
