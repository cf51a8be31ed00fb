"""The shared shell, rendered."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask, render_template, render_template_string
from flask_wtf import CSRFProtect
from jinja2 import StrictUndefined

import services
from services.language import install_languages

OFFICER = SimpleNamespace(label="Rahma", may=lambda *roles: False)
OPERATOR = SimpleNamespace(label="Adi", may=lambda *roles: "operator" in roles)
UNIT = {
    "unit": "loket-sofifi", "name": "Loket Sofifi", "opd": "dukcapil", "opd_name": "Dinas Kependudukan",
    "ratio": 1.4167, "staff": 6, "needed": 2.5, "level": "overload", "as_of": date(2026, 8, 14), "fresh": True,
    "url": "/workload/units/loket-sofifi",
}  # fmt: skip
SILENT = UNIT | {"unit": "b", "ratio": None, "needed": None, "level": "unknown", "as_of": None, "fresh": False}
DUTY = {
    "what": "Persetujuan pelepasan", "asked_by": "Dinas Kependudukan", "due": date(2026, 8, 20), "days_left": 1,
    "silence": "Perkara naik ke Sekretaris Daerah.", "url": "/mutations/1", "case": "MUT-1", "office": "Kepala BKD",
    "taken_by": None,
}  # fmt: skip


@pytest.fixture
def app() -> Flask:
    app = Flask("shell", root_path=str(Path(services.__file__).parent))
    app.secret_key = "shell"
    app.jinja_env.undefined = StrictUndefined
    CSRFProtect(app)
    install_languages(app)
    return app


def render(app: Flask, template: str, path: str = "/", **context: Any) -> str:
    """A page in its context; `template` is a file of the shell, or a source when it holds a brace."""
    everywhere = {"current_user": OFFICER, "demo": True, "business_now": datetime(2026, 8, 14, 1, tzinfo=UTC)}
    with app.test_request_context(path):
        draw = render_template_string if "{" in template else render_template
        return draw(template, **everywhere | {"version": "1"} | context)


def part(app: Flask, call: str, path: str = "/", **context: Any) -> str:
    return render(app, f'{{% import "macros.html" as shell with context %}}{{{{ shell.{call} }}}}', path, **context)


def missing(page: str, *words: str) -> list[str]:
    return [word for word in words if word not in page]


def test_pages_speak_bahasa_first_and_english_on_request(app: Flask) -> None:
    assert missing(render(app, "base.html"), '<html lang="id">', "Tugas saya", "Jumat, 14 Agustus 2026") == []
    english = render(app, "base.html", "/?lang=en")
    assert missing(english, '<html lang="en">', "My tasks", "Friday, August 14, 2026") == []


def test_the_switch_of_language_keeps_the_rest_of_the_address(app: Flask) -> None:
    assert missing(render(app, "base.html", "/workload/?opd=a"), 'href="?opd=a&amp;lang=en"') == []


def test_the_chosen_language_is_remembered(app: Flask) -> None:
    app.add_url_rule("/", view_func=lambda: render_template_string("{{ language }}"))
    browser = app.test_client()
    assert [browser.get(path).text for path in ("/", "/?lang=en", "/", "/?lang=xx", "/?lang=id", "/")] == [
        "id", "en", "en", "id", "id", "id",
    ]  # fmt: skip


def test_phone_pages_load_no_script_and_no_framework(app: Flask) -> None:
    page = render(app, "narrow.html")
    assert missing(page, "<script", "/vendor/") == ["<script", "/vendor/"]


def test_a_page_shows_who_acts_and_where(app: Flask) -> None:
    page = render(app, "base.html", "/mutations/inbox")
    assert missing(page, "Rahma") == []
    assert re.findall(r'href="(\S+)" aria-current="page"', page) == ["/mutations/inbox"]


def test_the_menu_offers_only_what_the_reader_may_open(app: Flask) -> None:
    kept = ["Audit", "Webhook", "Operasi"]
    assert missing(render(app, "base.html"), *kept) == kept
    assert missing(render(app, "base.html", current_user=OPERATOR), *kept) == []


@pytest.mark.parametrize("shell", ["base.html", "narrow.html"])
def test_everybody_finds_the_way_to_their_own_password(app: Flask, shell: str) -> None:
    assert 'href="/identity/password"' in render(app, shell)


def test_the_clock_can_be_moved_in_the_sample_only(app: Flask) -> None:
    assert "Hari kerja berikutnya" in render(app, "base.html")
    assert "Hari kerja berikutnya" not in render(app, "base.html", demo=False)


def test_every_form_that_changes_something_carries_its_token(app: Flask) -> None:
    page = render(app, "base.html") + render(app, "signin.html", login="", error="", next="/")
    page += part(app, "confirm_form('/x', 'Yakin?', 'Ya')")
    forms = re.findall(r'<form[^>]*method="post".*?</form>', page, re.DOTALL)
    assert len(forms) > 4
    assert all('name="csrf_token"' in form for form in forms)


def test_a_failed_sign_in_loses_nothing_that_was_typed_but_the_password(app: Flask) -> None:
    page = render(app, "signin.html", current_user=None, login="rahma", error="Kata sandi salah.", next="/audit/")
    assert missing(page, 'value="rahma"', "Kata sandi salah.", 'value="/audit/"') == []


@pytest.mark.parametrize("user", [OFFICER, None])
def test_a_problem_says_what_is_wrong_where_and_what_to_do(app: Flask, user: object) -> None:
    words = {"title": "Masa larangan", "detail": "Belum boleh.", "basis": "UU 10/2016 pasal 71"}
    words |= {"remedy": "Minta persetujuan.", "field": "effective"}
    problem = words | {"status": 422, "errors": {"json": {"lines": {"3": ["harus positif"]}}}}
    page = render(app, "problem.html", "/mutations/7", problem=problem, current_user=user)
    assert missing(page, *words.values(), "/mutations/7", "/json/lines/3", "harus positif") == []


def test_a_problem_without_a_remedy_still_says_what_to_do(app: Flask) -> None:
    assert "Kembali ke halaman sebelumnya" in render(app, "problem.html", problem={"title": "Galat", "status": 500})


def test_a_figure_opens_to_its_working_and_says_its_age_and_source(app: Flask) -> None:
    call = "figure('1,42', '/workload/units/1', as_of, 'laporan loket')"
    assert missing(part(app, call, as_of=date(2026, 8, 14)), "/workload/units/1", "14 Agu", "laporan loket") == []
    assert "usia tidak diketahui" in part(app, call, as_of=None)


@pytest.mark.parametrize(("level", "sign"), [("overload", "▲"), ("balanced", "●"), ("idle", "▼"), ("unknown", "?")])
def test_a_load_is_never_told_by_colour_alone(app: Flask, level: str, sign: str) -> None:
    assert sign in part(app, f"badge('{level}')")


@pytest.mark.parametrize(
    ("days", "path", "said"),
    [(3, "/", "3 hari kerja lagi"), (0, "/", "hari ini terakhir"), (-1, "/?lang=en", "1 working day overdue")],
)
def test_a_duty_says_who_asks_until_when_and_what_silence_does(app: Flask, days: int, path: str, said: str) -> None:
    card = part(app, "duty_card(duty)", path, duty=DUTY | {"days_left": days})
    assert missing(card, said, "Dinas Kependudukan", "Perkara naik ke Sekretaris Daerah.") == []


def test_names_are_asked_of_personnel_with_case_and_purpose(app: Flask) -> None:
    frame = part(app, "card_frame(['p1', 'p2'], 'c1')")
    assert 'src="/personnel/cards?ids=p1%2Cp2&amp;case=c1&amp;purpose=case"' in frame


def test_the_last_page_of_a_list_offers_no_next(app: Flask) -> None:
    assert "Berikutnya" in part(app, "pager('?after=9')")
    assert part(app, "pager(None)").strip() == ""


def test_the_load_page_tells_the_same_without_its_picture(app: Flask) -> None:
    page = render(app, "load.html", units=[UNIT, SILENT], thresholds={"idle": 0.75, "overload": 1.0}, opd=None)
    table = page[page.index("<table") :]
    assert missing(table, "Loket Sofifi", "1,42", "▲", "+2,5", "14 Agu 2026", "belum melapor") == []
    assert "tanpa usulan" in page


def test_a_name_cannot_break_out_of_the_picture_data(app: Flask) -> None:
    units = [UNIT | {"name": "</script><b>"}]
    page = render(app, "load.html", units=units, thresholds={"idle": 0.75, "overload": 1.0}, opd="dukcapil")
    assert "</script><b>" not in page
