# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""tests/bench/constants.md has the values of the code, and leaves no constant of the error model out."""

import re

import pytest

import tree

PAGE = "tests/bench/constants.md"
ROW = re.compile(r"^\| (?P<what>[^|]+) \| (?P<value>[^|]+) \| `(?P<file>[\w/.]+)`, `(?P<name>[\w.]+)` \|", re.MULTILINE)
ROWS = [
    pytest.param(*match.group("file", "name", "value"), id=match["what"]) for match in ROW.finditer(tree.text_of(PAGE))
]
WHOLE_FILES = (
    "search/src/adaptive_run.cpp",
    "search/src/budget_finder.cpp",
    "search/src/carried_profile.cpp",
    "search/src/error_model.cpp",
    "search/src/stripe_candidates.cpp",
)
# const or constexpr, at the beginning of a line or of a function's; its values up to the next ; or name
DECLARED = re.compile(r"^\s*(?:inline |static )?const(?:expr)? (?:double|std::\w+|auto|int) (k\w+)\b", re.MULTILINE)


def numbers(text: str) -> list[float]:
    return [float(each) for each in re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?:e-?\d+)?", text.replace("ln 2", "2"))]


def value_in(text: str, name: str) -> list[float]:
    """Numbers of the first `name = value` or `name{values}`; of a list in braces all."""
    found = re.search(rf"(?<![\w.]){re.escape(name)}\s*=?\s*(\{{[^}}]*\}}|[^,;{{}}]+)", text)
    assert found, name
    return numbers(re.sub(r"std::log\((\d)\.0\)", r"\1", found.group(1)))


@pytest.mark.parametrize(("file", "name", "value"), ROWS)
def test_a_value_is_that_of_the_code(file, name, value):
    assert value_in(tree.text_of(file), name) == numbers(value) != []


def test_no_constant_is_left_out():
    listed = {(row.values[0], row.values[1]) for row in ROWS}
    found = {(file, name) for file in WHOLE_FILES for name in DECLARED.findall(tree.text_of(file))}
    assert len(found) > 10
    assert found - listed == set()


def test_every_row_is_read():
    rows = [line for line in tree.text_of(PAGE).splitlines() if re.match(r"\| (?!constant|-)", line)]
    assert len(rows) == len(ROWS) > 20
    assert {line.count("|") for line in rows} == {6}


def test_pages_that_call_prompts_unseen_lead_here():
    for page in ("README.md", "tests/bench/README.md", "tests/bench/method.md"):
        assert "constants.md" in tree.text_of(page), page


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("constexpr double kA = 0.5;", [0.5]),
        ("constexpr int kB = 1, kA = 64;", [64]),
        ("constexpr std::array kA{0.0, 0.05};", [0, 0.05]),
        ("const double kA = 12.0 / std::log(2.0);", [12, 2]),
        ("double kA = 1e-4;  // 3", [1e-4]),
    ],
)
def test_values_are_found_in_code(code, value):
    assert value_in(code, "kA") == value
