"""Pictures for the tests: oracle 1 of the domain, a province of any size, and small random ones."""

from __future__ import annotations

import random
from datetime import date
from typing import Any

from hypothesis import strategies as st

from events.proposal import Premise
from services.optimizer.picture import Person, Picture, Policy, Position, Refusal, Unit

START, LATER = date(2026, 9, 7), date(2026, 11, 2)
AS_OF = date(2026, 8, 31)


def unit(name: str, load: float, staff: float, **known: Any) -> Unit:
    fields: dict[str, Any] = {"opd": "opd", "instansi": "8200", "island": "halmahera", "need": None, "lasting": 0}
    return Unit(**{**fields, "unit": name, "load": load, "staff": staff, "as_of": AS_OF, "version": 1, **known})


def post(name: str, of: str, **known: Any) -> Position:
    fields: dict[str, Any] = {"kind": "pelaksana", "family": "counter", "job_class": 6, "version": 1}
    return Position(**{**fields, "position": name, "unit": of, "places": 9, "occupied": 6, **known})


def person(name: str, of: str, **known: Any) -> Person:
    fields: dict[str, Any] = {
        "position": f"post-{of}",
        "status": "pns",
        "since": date(2020, 1, 1),
        "retires_on": date(2050, 1, 1),
        "skills": ("counter",),
        "home": "halmahera",
        "version": 1,
    }
    return Person(**{**fields, "person": name, "unit": of, **known})


def picture(units: list[Unit], people: list[Person], posts: list[Position] | None = None, **known: Any) -> Picture:
    positions = posts if posts is not None else [post(f"post-{u.unit}", u.unit) for u in units]
    fields: dict[str, Any] = {"temporary_from": START, "permanent_from": LATER}
    return Picture(**{**fields, "units": tuple(units), "positions": tuple(positions), "people": tuple(people), **known})


def oracle(lasting: int = 0, **policy: Any) -> Picture:
    """Oracle 1: counter P with 637,500 minutes and 6 staff, donor Q with 315,000 and 7, at 75,000 a person."""
    units = [unit("P", 637_500 / 75_000, 6, lasting=lasting), unit("Q", 315_000 / 75_000, 7)]
    people = [person(f"q{n}", "Q", since=date(2020, 1, n)) for n in range(1, 8)]
    return picture(units, people, policy=Policy(**policy))


def province(people: int, units: int, seed: int = 1) -> Picture:
    """A province of `units` units in 45 OPDs, EJ from 0.4 to 1.6, homes as the domain's recipe has them."""
    rng = random.Random(seed)
    families = [f"family-{n}" for n in range(10)]
    islands, shares = ["ternate", "halmahera", "tidore", "bacan"], [60, 25, 10, 5]
    staff = [people // units + (n < people % units) for n in range(units)]
    known, posts, persons = [], [], []
    for n in range(units):
        ratio, instansi = rng.uniform(0.4, 1.6), "8200" if n % 3 else "8271"
        need = round(ratio * staff[n])
        name = f"u{n:03}"
        known.append(
            unit(
                name,
                ratio * staff[n],
                staff[n],
                opd=f"opd-{n % 45}",
                instansi=instansi,
                island=rng.choices(islands, shares)[0],
                need=need,
                lasting=max(0, need - staff[n]) // 3,
                fresh=rng.random() > 0.1,
            )
        )
        own = rng.sample(families, 3)
        posts += [
            post(f"{name}-{f}", name, family=f, job_class=rng.randint(5, 8), places=staff[n], occupied=staff[n] - 2)
            for f in own
        ]
        for m in range(staff[n]):
            persons.append(
                person(
                    f"{name}-{m:03}",
                    name,
                    position=rng.choice(posts[-3:]).position,
                    status=rng.choice(["pns", "pns", "pns", "pppk", "pppk_part_time"]),
                    since=date(rng.randint(2015, 2026), rng.randint(1, 8), 1),
                    skills=tuple({rng.choice(own), rng.choice(families)}),
                    home=rng.choices(islands, shares)[0],
                    eligible=rng.random() > 0.05,
                    open_case=rng.random() > 0.95,
                )
            )
    return picture(known, persons, posts)


@st.composite
def small_pictures(draw: st.DrawFn) -> Picture:
    """Two units that mostly need help, two that mostly can give it, and five people: few enough to try every plan."""
    units = [
        unit(
            name,
            load=draw(st.integers(*((11, 28) if name in "AB" else (0, 7)))) / 4,
            staff=draw(st.integers(2, 5) if name in "AB" else st.integers(3, 5)),
            instansi=draw(st.sampled_from(["8200", "8200", "8200", "8200", "8271"])),
            island=draw(st.sampled_from(["ternate", "halmahera"])),
            need=draw(st.sampled_from([None, None, 2, 4])),
            lasting=draw(st.integers(0, 2)),
            fresh=draw(st.integers(0, 9)) < 9,
        )
        for name in "ABCD"
    ]
    posts = [
        post(
            f"post-{name}",
            name[0],
            family=draw(st.sampled_from(["counter", "counter", "archive"])),
            job_class=draw(st.integers(5, 7)),
            places=7,
            occupied=draw(st.integers(5, 7)),
        )
        for name in ("A", "B", "C", "D", "A2")
    ]
    people = [
        person(
            f"p{n}",
            draw(st.sampled_from("CDCDCDA")),
            status=draw(st.sampled_from(["pns", "pns", "pppk"])),
            since=draw(st.sampled_from([date(2019, 5, 1), date(2020, 5, 1), date(2026, 5, 1)])),
            retires_on=draw(st.sampled_from([date(2050, 1, 1), date(2027, 1, 1)])),
            skills=draw(st.sampled_from([("counter", "archive"), ("counter",), ("archive",)])),
            home=draw(st.sampled_from(["ternate", "halmahera"])),
            open_case=draw(st.integers(0, 9)) == 9,
        )
        for n in range(draw(st.integers(3, 5)))
    ]
    policy = Policy(
        donor_ceiling=draw(st.sampled_from([1.0, 1.0, 1.2, 9.0])),
        moves_per_plan=draw(st.sampled_from([2, 9])),
        permanent_per_plan=draw(st.sampled_from([1, 9])),
    )
    refused = Premise(subject="workload/unit/A", version=draw(st.sampled_from([1, 2])))
    refusals = (Refusal(person="p0", to_unit=draw(st.sampled_from("AB")), premise=refused),)
    penalties = {"p1": draw(st.sampled_from([0, 50]))}
    return picture(units, people, posts, policy=policy, refusals=refusals, penalties=penalties)
