"""What the machine must offer beyond Python packages: where it is found, and how it is installed where it is missing.

`python -m deploy.provision [PART ...]` installs the missing parts, all of them by default: Debian packages when run as
root where apt-get exists, the broker's jars by Maven into deploy/kafka/libs. What cannot be installed is named on
standard error and is no failure here; whoever needs the part says so. With KAFKA_BOOTSTRAP, the address of a broker
that runs elsewhere, no Kafka is installed. This file needs nothing but the standard library.
"""

from __future__ import annotations

import filecmp
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

KAFKA = Path(__file__).parent / "kafka"


class Missing(Exception):
    """This machine lacks a part; the message says which and how to get it."""


def find_program(*names: str, hint: str) -> Path:
    """The first of the programs that is on the PATH or in /usr/sbin; `hint` says how to get it."""
    for name in names:
        if found := shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"):
            return Path(found)
    raise Missing(f"{names[0]} is not on the PATH; {hint}")


def find_ensurepip() -> None:
    """What `python3 -m venv` needs, which Debian packages apart."""
    if importlib.util.find_spec("ensurepip") is None:
        raise Missing("this Python cannot make virtual environments; install python3-venv")


def find_postgres() -> Path:
    """The folder of `initdb` and `postgres`: what the PATH leads to, otherwise the newest of Debian's."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    installed = [program.parent for program in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if not installed:
        raise Missing("initdb is neither on the PATH nor in /usr/lib/postgresql/*/bin; install postgresql")
    return max(installed, key=lambda folder: float(folder.parent.name))


def find_java() -> Path:
    return find_program("java", hint="install a Java runtime, 17 or newer")


def find_kafka() -> Path:
    """The folder of the broker's jars: of KAFKA_HOME if that is set, otherwise ours, when complete for its pom.xml."""
    find_java()
    if home := os.environ.get("KAFKA_HOME"):
        libs, complete = Path(home, "libs"), any(Path(home, "libs").glob("kafka_*.jar"))
    else:
        libs, copied = KAFKA / "libs", KAFKA / "libs" / "pom.xml"
        complete = copied.exists() and filecmp.cmp(KAFKA / "pom.xml", copied, shallow=False)
    if not complete:
        raise Missing(f"{libs} lacks the jars of Kafka; `make provision` fetches them by Maven, or set KAFKA_HOME")
    return libs


def find_chromium() -> Path:
    """The browser; CHROMIUM, a name or a path, overrides."""
    chosen = os.environ.get("CHROMIUM")
    names = [chosen] if chosen else ["chromium", "chromium-browser", "google-chrome"]
    return find_program(*names, hint="install it, or set CHROMIUM")


def find_nginx() -> Path:
    return find_program("nginx", hint="install nginx-light")


def find_spin() -> Path:
    """The model checker, with the compiler and the headers that its verifiers need."""
    hint = "install spin, gcc and libc6-dev"
    find_program("gcc", hint=hint)
    return find_program("spin", hint=hint)


def find_go() -> Path:
    """The compiler for the checker of histories; its module comes through the Go module proxy."""
    return find_program("go", hint="install Go 1.21 or newer")


def find_faketime() -> Path:
    """The library that lets a process live by another clock; Debian keeps it in a folder of the machine's kind."""
    found = [
        path for folder in ("*/faketime", "faketime") for path in Path("/usr/lib").glob(f"{folder}/libfaketime.so.1")
    ]
    if not found:
        raise Missing("there is no libfaketime.so.1 below /usr/lib; install libfaketime")
    return found[0]


def copy_kafka_jars() -> None:
    """Let Maven fill deploy/kafka/libs. The copy of pom.xml comes last: it says that the folder is complete."""
    if not shutil.which("mvn"):
        return
    print("kafka: fetching the broker's jars", flush=True)
    pom, libs = KAFKA / "pom.xml", KAFKA / "libs"
    shutil.rmtree(libs, ignore_errors=True)
    goal = ("dependency:copy-dependencies", f"-DoutputDirectory={libs}", "-DincludeScope=runtime")
    maven = ("mvn", "--batch-mode", "--quiet", "-Dstyle.color=never", f"--file={pom}")
    if subprocess.run([*maven, *goal]).returncode == 0:
        shutil.copy(pom, libs)


@dataclass(frozen=True)
class Part:
    """`packages` maps a program to the Debian packages that bring it; `fetch` gets what no package holds."""

    find: Callable[[], object]
    packages: Mapping[str, tuple[str, ...]]
    fetch: Callable[[], None] | None = None


PARTS = {
    "venv": Part(find_ensurepip, {"ensurepip": ("python3-venv",)}),
    "postgres": Part(find_postgres, {"initdb": ("postgresql",)}),
    "kafka": Part(find_kafka, {"java": ("default-jre-headless",), "mvn": ("maven",)}, copy_kafka_jars),
    "browser": Part(find_chromium, {"chromium": ("chromium", "fonts-dejavu-core", "fonts-liberation")}),
    "proxy": Part(find_nginx, {"nginx": ("nginx-light",)}),
    "spin": Part(find_spin, {"spin": ("spin",), "gcc": ("gcc", "libc6-dev")}),
    "faketime": Part(find_faketime, {"faketime": ("libfaketime",)}),
    "go": Part(find_go, {}),  # Debian's is too old in many a release
}


def lacking(part: Part) -> Missing | None:
    try:
        part.find()
    except Missing as reason:
        return reason
    return None


def apt_get(*arguments: str) -> None:
    """Quiet, never asking, waiting for another apt-get to end. A failure shows when the part is looked for."""
    command = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", *arguments]
    subprocess.run(command, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"}, stdout=subprocess.DEVNULL)


def install(parts: Mapping[str, Part]) -> None:
    """Install the Debian packages of each part, then fetch; parts fail apart from each other."""
    packages = {
        name: [package for program, brings in part.packages.items() if not shutil.which(program) for package in brings]
        for name, part in parts.items()
    }
    if any(packages.values()) and os.geteuid() == 0 and shutil.which("apt-get"):
        apt_get("update")
        for name, wanted in packages.items():
            if wanted:
                print(f"{name}: installing {', '.join(wanted)}", flush=True)
                apt_get("install", "--yes", "--no-install-recommends", *wanted)
    for part in parts.values():
        if part.fetch and lacking(part):
            part.fetch()


def main(names: list[str]) -> None:
    if unknown := set(names) - set(PARTS):
        sys.exit(f"unknown: {', '.join(sorted(unknown))}; the parts are {', '.join(PARTS)}")
    parts = {name: PARTS[name] for name in names or PARTS}
    if os.environ.get("KAFKA_BOOTSTRAP"):
        parts.pop("kafka", None)
    install({name: part for name, part in parts.items() if lacking(part)})
    for name, part in parts.items():
        if reason := lacking(part):
            print(f"{name}: {reason}", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
