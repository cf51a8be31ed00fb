"""The JSON doors of services: what a body must be before its fields are looked at.

Parsing is stricter than the standard library's: no NaN, no number beyond all bounds, no broken UTF-8, no lone half of a
surrogate pair, no nesting that exhausts the stack. A body of another kind is refused, not taken for an empty one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import marshmallow as ma
import msgspec
from flask import Request, abort
from flask_smorest import Blueprint
from webargs.flaskparser import FlaskParser

from services.http import refuse_control_characters
from services.service import Words


class _StrictParser(FlaskParser):
    def load_json(self, req: Request, schema: ma.Schema) -> Any:
        """The body as plain data; no body counts as an empty object."""
        body = req.get_data()
        if not body and not req.form and not req.files:
            return {}
        if not req.is_json:
            abort(415, Words("Kirim isinya sebagai application/json.", "Send the body as application/json."))
        try:
            parsed = msgspec.json.decode(body)
            refuse_control_characters(_texts(parsed))
        except RecursionError:
            abort(400, Words("JSON itu bersarang terlalu dalam.", "The JSON is nested too deeply."))
        except UnicodeDecodeError:
            abort(400, Words("JSON itu bukan UTF-8.", "The JSON is not UTF-8."))
        except msgspec.DecodeError as error:
            abort(
                400,
                Words(
                    f"Isinya bukan JSON yang dapat disimpan: {error}.",
                    f"The body is no JSON that can be kept: {error}.",
                ),
            )
        return parsed


class JsonDoor(Blueprint):  # type: ignore[misc]
    """A blueprint under /api/; its bodies are parsed strictly."""

    ARGUMENTS_PARSER = _StrictParser()

    def arguments(self, schema: type[ma.Schema], **how: Any) -> Any:
        """As flask-smorest's, with a schema that is made once and not for each request."""
        return super().arguments(schema(), **how)


def _texts(value: Any) -> Iterator[str]:
    """Every text in plain data, keys included."""
    match value:
        case str():
            yield value
        case dict():
            for key, inner in value.items():
                yield key
                yield from _texts(inner)
        case list():
            for inner in value:
                yield from _texts(inner)
