"""Write workflow/rules/holidays-<year>.json from the `holidays` package: `python deploy/write_holidays.py 2028`.

Public holidays and collective leave (*cuti bersama*, category `government`) of Indonesia, date -> name. Dates of a
coming year are estimates (*perkiraan*) until the joint decree of the three ministers; run it again after each decree.
Deadlines already set keep their date: they are stored with the event that set them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import holidays

RULES = Path(__file__).parent.parent / "workflow" / "rules"


def write(year: int) -> Path:
    found = holidays.country_holidays("ID", years=year, categories=("public", "government"), language="id")
    path = RULES / f"holidays-{year}.json"
    path.write_text(json.dumps({str(day): found[day] for day in sorted(found)}, indent=1, ensure_ascii=False) + "\n")
    return path


if __name__ == "__main__":
    for year in sys.argv[1:]:
        print(write(int(year)))
