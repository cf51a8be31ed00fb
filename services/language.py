"""Which language a page speaks: Bahasa Indonesia, or English when asked for.

The sentences in templates and code are Bahasa; `services/**/translations/en/LC_MESSAGES/messages.po` hold the English.
They are compiled into memory at start: no compiled file can be missing or stale.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, Response, request
from flask_babel import Babel
from werkzeug import Request

LANGUAGES = ("id", "en")
HOME = Path(__file__).parent
COOKIE_SECONDS = 365 * 24 * 3600


def install_languages(app: Flask) -> None:
    """Gives templates `_`, the date and number filters and `language`; `?lang=en` switches and is remembered."""
    babel = Babel(app, default_locale=LANGUAGES[0], default_timezone="Asia/Jayapura", locale_selector=language)
    with app.app_context():
        sentences = babel.domain_instance
    sentences.cache.update({("id", "messages"): NullTranslations(), ("en", "messages"): translations("en")})
    app.context_processor(lambda: {"language": language()})
    app.after_request(remember_language)


def language() -> str:
    """The language of this request."""
    return language_of(request)


def language_of(sent: Request) -> str:
    """Its `lang` parameter, else the remembered one, else Bahasa Indonesia."""
    asked = sent.args.get("lang") or sent.cookies.get("lang")
    return asked if asked in LANGUAGES else LANGUAGES[0]


def remember_language(response: Response) -> Response:
    if request.args.get("lang") in LANGUAGES:
        response.set_cookie("lang", language(), max_age=COOKIE_SECONDS, httponly=True, samesite="Lax")
    return response


def translations(name: str) -> Translations:
    """Every catalogue of a language, the shell's and the services', as one."""
    merged = Translations()
    for source in sorted(HOME.glob(f"**/translations/{name}/LC_MESSAGES/messages.po")):
        compiled = BytesIO()
        with source.open("rb") as po:
            write_mo(compiled, read_po(po))
        compiled.seek(0)
        merged.add(Translations(compiled))
    return merged
