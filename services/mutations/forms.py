"""Forms and words of mutations, read from words.toml: a form's fields become a command of the law."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec
from werkzeug.datastructures import MultiDict

from services.service import Refused, Words
from workflow import commands as cmd
from workflow.definition import Title


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One input. A dot in the name means a key of a mapping: `documents.G2`."""

    name: str
    kind: Literal["text", "date", "check", "choice", "code", "hash", "reason", "condition"]
    label: Title
    required: bool = False
    choices: list[tuple[str, str, str]] = []


class Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A command as a page offers it; `words`: the author may, and in a contested case must, write a reason."""

    label: Title
    fields: list[Field] = []
    words: bool = False
    danger: bool = False


class Lexicon(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`reasons`: kind of field -> the codes it offers, each with its Bahasa and English."""

    events: dict[str, Title]
    origins: dict[str, Title]
    codes: dict[str, Title]
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


COMMANDS: dict[str, type[cmd.Command]] = {
    str(c.__struct_config__.tag): c for c in cmd.Command.__subclasses__() if c not in (cmd.FireTimer, cmd.Draft)
}


def command_of(name: str, mutation: str, form: MultiDict[str, str]) -> cmd.Command:
    """The command that a filled form means; `Refused` naming the field at fault."""
    values: dict[str, Any] = {"mutation": mutation}
    for field in lexicon().commands[name].fields:
        given = form.get(field.name, "").strip()
        if field.kind == "check":
            values[field.name] = bool(given)
        elif given:
            owner, _, key = field.name.partition(".")
            values[owner] = values.get(owner, {}) | {key: given} if key else given
        elif field.required:
            raise _wrong(field.name, Words("wajib diisi", "is required"))
    try:
        return msgspec.convert(values, COMMANDS[name], strict=False)
    except msgspec.ValidationError as error:
        raise at_fault(error, name) from None


def at_fault(error: msgspec.ValidationError, otherwise: str) -> Refused:
    """msgspec's verdict on a form, naming the field; `otherwise` where it names none."""
    text = str(error)
    place = text.rpartition("$.")[2].rstrip("`") if "$." in text else otherwise
    return _wrong(place, Words(text, text))


def _wrong(field: str, what: Words) -> Refused:
    return Refused(
        "invalid_form",
        Words(f"{field}: {what.id}", f"{field}: {what.en}"),
        Words("Perbaiki isian itu lalu kirim lagi.", "Correct that field and send the form again."),
        status=422,
        field=field,
    )
