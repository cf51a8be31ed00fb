"""The release before this one: its code, to be run beside today's, and its files, to be compared with them."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

from deploy.provision import Missing

ROOT = Path(__file__).parents[1]
#: The commit of the tag `baseline`, the first release with the whole main job. Each release names the last one here.
COMMIT = "7040faa317867245ff5f28776e1fdf51da325ad4"


def unpack(directory: Path) -> Path:
    """Put the code of the baseline there. Missing where git, or that commit, is not: a clone may be shallow."""
    command = ["git", "archive", "--format=tar", COMMIT]
    try:
        packed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise Missing(f"git does not have commit {COMMIT[:12]} here; fetch the whole history") from error
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(directory, filter="data")
    return directory
