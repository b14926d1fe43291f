# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Writes html_entities.txt, which text_cleaning.cpp has compiled in: HTML's names of characters, from Python's library.

    python core/engine/src/text/make_html_entities.py

The names are those of HTML 5 with their semicolon, where HTML demands one. "#128" and the like are numbers that
browsers read as Windows-1252, or as something else than the character of that number.
"""

import html
import html.entities
from pathlib import Path

FILE = Path(__file__).with_name("html_entities.txt")
FIRST_LINE = "# Made by make_html_entities.py from Python's html.entities: a name, and the numbers of its characters."


def lines() -> list[str]:
    named = {**html.entities.html5, **{f"#{number}": text for number, text in html._invalid_charrefs.items()}}
    return [f"{name} {' '.join(f'{ord(character):x}' for character in text)}" for name, text in sorted(named.items())]


if __name__ == "__main__":
    FILE.write_text("\n".join([FIRST_LINE, *lines()]) + "\n", encoding="utf-8")
