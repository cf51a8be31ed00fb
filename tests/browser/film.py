"""The film strip of a story: what was on the screen at each step, as one picture under var/stories."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path

from playwright.sync_api import Page

STRIPS = Path(__file__).resolve().parents[2] / "var" / "stories"
PAGE = """<!doctype html><style>
body {{ margin: 12px; background: #1b2733; color: #fff; font: 15px sans-serif; }}
main {{ display: grid; grid-template-columns: repeat(3, 620px); gap: 14px; }}
figure {{ margin: 0; }} img {{ width: 620px; }} figcaption {{ padding: 4px 0; }}
</style><main>{frames}</main>"""
FRAME = '<figure><figcaption>{number}. {caption}</figcaption><img src="data:image/png;base64,{picture}"></figure>'


class Film:
    """Frames in the order in which they were taken."""

    def __init__(self, name: str) -> None:
        self.path = STRIPS / f"{name}.png"
        self._frames: list[tuple[str, bytes]] = []

    def take(self, page: Page, caption: str) -> None:
        self._frames.append((caption, page.screenshot()))

    def cut(self, page: Page) -> None:
        """Lay the frames side by side on an empty page and take the strip from there."""
        frames = (
            FRAME.format(number=n, caption=escape(caption), picture=base64.b64encode(picture).decode())
            for n, (caption, picture) in enumerate(self._frames, start=1)
        )
        page.set_viewport_size({"width": 1920, "height": 600})
        page.set_content(PAGE.format(frames="".join(frames)))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=self.path, full_page=True)
