"""Forms and words of mutations, read from words.toml: a form's fields become a command of the law."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import marshmallow as ma
import msgspec
from msgspec.structs import replace
from werkzeug.datastructures import MultiDict

from events.schema import schema_of
from services.problems import FAULTS, explained
from services.service import Refused, Words
from workflow import commands as cmd
from workflow.definition import Title
from workflow.guards.case import missing_papers
from workflow.library import definition
from workflow.mutation import Mutation

C = TypeVar("C", bound=cmd.Command)


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One input. A dot in the name means a key of a mapping: `documents.G2`."""

    name: str
    kind: Literal[
        "text", "date", "check", "choice", "code", "hash", "reason", "condition", "colleague", "duty", "party", "office"
    ]
    label: Title
    required: bool = False
    choices: list[tuple[str, str, str]] = []


class Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A command as a page offers it; `words`: the author may, and in a contested case must, write a reason; `papers`:
    it brings those that the case lacks."""

    label: Title
    fields: list[Field] = []
    papers: Literal["", "optional", "required"] = ""
    words: bool = False
    danger: bool = False


class Lexicon(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`reasons`: kind of field -> the codes it offers, each with its Bahasa and English."""

    events: dict[str, Title]
    origins: dict[str, Title]
    codes: dict[str, Title]
    papers: dict[str, Title]
    reasons: dict[str, list[tuple[str, str, str]]]
    commands: dict[str, Form]

    def choices(self, field: Field) -> list[tuple[str, str, str]]:
        """What a field lets choose from: its own choices, or the reasons of its kind; empty for free input."""
        return field.choices or self.reasons.get(field.kind, [])


@cache
def lexicon() -> Lexicon:
    """The words of words.toml."""
    return msgspec.toml.decode((Path(__file__).parent / "words.toml").read_text(), type=Lexicon)


@cache
def meanings() -> dict[str, Title]:
    """What the codes in a history mean: those that forms offer, and the engine's own."""
    fields = [field for form in lexicon().commands.values() for field in form.fields]
    lists = [*(field.choices for field in fields), *lexicon().reasons.values()]
    offered = {code: Title(id=bahasa, en=english) for each in lists for code, bahasa, english in each}
    return offered | lexicon().codes


#: Steps that are not a form's: the engine's own, an operator's, and the first, which has a page.
_NOT_OFFERED = (cmd.FireTimer, cmd.Convert, cmd.VoidVote, cmd.Migrate, cmd.Draft)
COMMANDS: dict[str, type[cmd.Command]] = {
    str(c.__struct_config__.tag): c for c in cmd.Command.__subclasses__() if c not in _NOT_OFFERED
}


def form_of(name: str, mutation: Mutation) -> Form:
    """The form of a command for a case, with a field for each paper that it lacks."""
    form = lexicon().commands[name]
    if not form.papers:
        return form
    lacking = missing_papers(definition(mutation.definition), mutation, {})
    papers = [
        Field(f"documents.{code}", "hash", lexicon().papers[code], required=form.papers == "required")
        for code in lacking
    ]
    return replace(form, fields=[*form.fields, *papers])


def command_of(name: str, mutation: Mutation, form: MultiDict[str, str]) -> cmd.Command:
    """The command that a filled form means; `Refused` naming the field at fault."""
    values: dict[str, Any] = {"mutation": mutation.id}
    for field in form_of(name, mutation).fields:
        given = form.get(field.name, "").strip()
        if field.kind == "check":
            values[field.name] = bool(given)
        elif given:
            owner, _, key = field.name.partition(".")
            values[owner] = values.get(owner, {}) | {key: given} if key else given
        elif field.required:
            raise wrong(field.name, FAULTS["Missing data"])
    return checked(COMMANDS[name], values)


def checked(command: type[C], values: Mapping[str, Any]) -> C:
    """The command that these values make, judged as a JSON door judges them; `Refused` naming the first at fault."""
    try:
        return command(**schema_of(command)().load(values))
    except ma.ValidationError as error:
        messages = cast("dict[str, list[str]]", error.messages)
        field, (message, *_) = next(iter(messages.items()))
        raise wrong(field, explained(message)) from None


def wrong(field: str, what: Words) -> Refused:
    """What is wrong with a field of a form."""
    return Refused(
        "invalid_form",
        Words(f"{field}: {what.id}", f"{field}: {what.en}"),
        Words("Perbaiki isian itu lalu kirim lagi.", "Correct that field and send the form again."),
        status=422,
        field=field,
    )
