"""A figure and how it was worked out, so that a screen can open it line by line in the reader's language."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Language = Literal["id", "en"]

_INDONESIAN = str.maketrans(",.", ".,")


@dataclass(frozen=True, slots=True)
class Line:
    """One step. `code` says what it gives, `name` of which task; `sources` are the reports its numbers come from."""

    code: str
    template: str
    numbers: tuple[float, ...]
    value: float
    name: str = ""
    sources: tuple[str, ...] = ()

    def text(self, language: Language = "id") -> str:
        """For example `637,500 ÷ (6 × 75,000) = 1.4167`, or `637.500 ÷ (6 × 75.000) = 1,4167` in Indonesian."""
        shown = self.template.format(*(written(number, language) for number in self.numbers))
        return f"{shown} = {written(self.value, language)}"


@dataclass(frozen=True, slots=True)
class Figure:
    """A value, unrounded unless it counts whole people, and its working; the last line gives the value."""

    value: float
    lines: tuple[Line, ...] = field(repr=False)


def total(lines: Sequence[Line], code: str = "load") -> Figure:
    """The sum of lines, with the addition as one more line."""
    values = tuple(line.value for line in lines)
    value = math.fsum(values)
    return Figure(value, (*lines, Line(code, " + ".join("{}" for _ in values) or "0", values, value)))


def written(number: float, language: Language = "id") -> str:
    """A number with separators of thousands and at most four decimals, as the language writes it."""
    text = f"{number:,.4f}".rstrip("0").rstrip(".")
    return text if language == "en" else text.translate(_INDONESIAN)
