"""Fetches the vendored front-end files named in services/static/vendor/VENDOR.md and verifies their SHA-256.

Run `python deploy/vendor.py` after changing a version in that table: npm packs each package by its name and exact
version, and the files are copied when each hash is the one in the table. Otherwise nothing is copied and the script
exits with 1; it prints the new rows, to be put into the table once the change has been read.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SERVICES = Path(__file__).resolve().parent.parent / "services"
TABLE = SERVICES / "static" / "vendor" / "VENDOR.md"


class Vendored(NamedTuple):
    """One row of the table: a file of a package, and where it lives under services/."""

    package: str
    version: str
    source: str
    file: str
    licence: str
    sha256: str

    @property
    def path(self) -> Path:
        return SERVICES / self.file

    def row(self) -> str:
        return f"| {self.package} | {self.version} | {self.source} | {self.file} | {self.licence} | {self.sha256} |"


def vendored() -> list[Vendored]:
    """The rows of VENDOR.md, in its order."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLE.read_text().splitlines()]
    return [Vendored(*row) for row in cells if len(row) == len(Vendored._fields) and len(row[-1]) == 64]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def fetch(rows: list[Vendored]) -> Iterator[tuple[Vendored, bytes]]:
    """Each row with the content that npm delivers for it; an archive is fetched once."""
    with tempfile.TemporaryDirectory() as scratch:
        for package, version in sorted({(row.package, row.version) for row in rows}):
            command = ["npm", "pack", "--silent", "--pack-destination", scratch, f"{package}@{version}"]
            name = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]
            with tarfile.open(Path(scratch) / name) as archive:
                for row in rows:
                    if (row.package, row.version) == (package, version):
                        member = archive.extractfile(f"package/{row.source}")
                        if member is None:
                            raise FileNotFoundError(f"{row.source} is not a file of {package}@{version}")
                        yield row, member.read()


def main() -> int:
    fetched = list(fetch(vendored()))
    changed = [row._replace(sha256=found) for row, content in fetched if (found := sha256(content)) != row.sha256]
    if changed:
        print("These files differ from the table. Read what changed, then put these rows into VENDOR.md:")
        print("\n".join(row.row() for row in changed))
        return 1
    for row, content in fetched:
        row.path.parent.mkdir(parents=True, exist_ok=True)
        row.path.write_bytes(content)
    print(f"{len(fetched)} vendored files are as VENDOR.md says.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
