# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Texts become JSON and are cut in one place each, so that no byte ends a program and no character is halved."""

import re

import pytest

import tree

PROGRAM = ("core/", "search/", "gui/", "kernels/")
# nlohmann's dump() throws at a text that is not UTF-8; twill/plan/json_dump.h is for all texts.
DUMP = re.compile(r"\.dump\(")
WHERE_IT_IS_SAFE = {
    "core/plan/include/twill/plan/json_dump.h": "the one place",
    "core/plan/src/json_text.cpp": "refuses by name what is not UTF-8",
    "core/plan/src/json_value.cpp": "values that were parsed, which are UTF-8",
    "core/plan/src/pattern_json.cpp": "values that were parsed",
}
# A text that is cut at a number of bytes; twill::shortened() cuts between characters.
CUT = re.compile(r"\.substr\(0, (?:k\w+|\d+)\)")
WHERE_BYTES_ARE_MEANT = {
    "core/plan/src/unfinished.cpp": "names of temporary files",
    "core/plan/src/text.cpp": "the first bytes of a file, and the one place",
    "core/engine/src/foreign_file.cpp": "the first bytes of a file",
    "core/media/src/video_io.cpp": "a block of a gif, of our own name and version",
}


def found(pattern: re.Pattern, allowed: dict[str, str]) -> list[str]:
    files = [name for name in tree.files_ending(*tree.CPP) if name.startswith(PROGRAM) and name not in allowed]
    return [name for name in files if pattern.search(tree.text_of(name))]


def test_json_is_written_by_the_function_for_any_text():
    assert found(DUMP, WHERE_IT_IS_SAFE) == []


def test_texts_are_cut_between_characters():
    assert found(CUT, WHERE_BYTES_ARE_MEANT) == []


@pytest.mark.parametrize(
    ("pattern", "text"),
    [(DUMP, "value.dump(2)"), (CUT, "text.substr(0, kMost)"), (CUT, "value.substr(0, 40)")],
)
def test_a_planted_line_is_found(pattern, text):
    assert pattern.search(text)


@pytest.mark.parametrize("allowed", [WHERE_IT_IS_SAFE, WHERE_BYTES_ARE_MEANT])
def test_exceptions_exist(allowed):
    assert set(allowed) <= set(tree.files())
