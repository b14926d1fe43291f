# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Names, sizes, headers and words of the files themselves."""

import re
from collections import Counter

import pytest

import tree

TOP_LEVEL = {
    "kernels", "core", "search", "presets", "comfy_nodes", "gui", "tests", "installer", "findings",
    "CMakeLists.txt", "CMakePresets.json", "pyproject.toml", "README.md", "CONTRIBUTING.md", "LICENSE", "CHANGELOG.md",
    "CITATION.cff",
}  # fmt: skip

MOST_LINES = 600
# Longer files and why they are.
LONG_FILES: dict[str, str] = {}

SPDX = "SPDX-FileCopyrightText: 2026 The Twill authors", "SPDX-License-Identifier: Apache-2.0"
WITH_SPDX = (*tree.CODE, "CMakeLists.txt", ".toml", ".yaml", ".editorconfig", ".ci/run")

# Pieces are joined here so that this file does not contain what it looks for.
FORBIDDEN_WORDS = {
    "a path of one machine": r"(?<![\w.])/(?:work|farm|root|home/\w+)/|/tmp/(?:venv|build)|\." + "library/",
    "an address of a package index": "|".join(
        "\\.".join(host) for host in (("pypi", "org"), ("pythonhosted", "org"), ("deb", "debian", "org"))
    ),
    "unfinished work": r"\b(?:TO" + "DO|FIX" + r"ME|XX" + r"X)\b|Not" + r"ImplementedError(?!\(.)",
    "an issue's number": r"\bissue" + r" #?\d",
}


def test_only_the_fixed_names_stand_at_the_top():
    top = {name.split("/")[0] for name in tree.files()}
    assert {name for name in top if not name.startswith(".")} - TOP_LEVEL == set()


def test_the_build_knows_every_file_of_the_python_package():
    """Else the package of a build folder lacks it, and cannot be imported."""
    folder = "core/python/twill_vdit/"
    ours = tree.files_ending(".py", ".pyi", "py.typed")
    there = {name.removeprefix(folder) for name in ours if name.startswith(folder)}
    listed = re.search(r"set\(python_files ([^)]*)\)", tree.text_of("core/python/CMakeLists.txt"))
    assert set(listed[1].split()) == there


def test_files_are_short_or_say_why_not():
    sizes = {name: tree.text_of(name).count("\n") for name in tree.files_ending(*tree.CODE)}
    too_long = {name: lines for name, lines in sizes.items() if lines > MOST_LINES and name not in LONG_FILES}
    assert too_long == {}, f"longer than {MOST_LINES} lines: split them, or list them in LONG_FILES with the reason"
    assert {name for name in LONG_FILES if sizes.get(name, 0) <= MOST_LINES} == set(), "listed as long but are not"


def test_modules_of_tests_have_names_of_their_own():
    """pytest imports those of one run by their bare names; the pack's are a run of their own."""
    names = [
        name.rpartition("/")[2]
        for name in tree.files_ending(".py")
        if name.startswith("tests/") and not name.startswith("tests/comfy/pack/") and "/test_" in name
    ]
    assert [name for name, count in Counter(names).items() if count > 1] == []


def test_code_carries_the_spdx_lines():
    without = [
        name for name in tree.files_ending(*WITH_SPDX) if not all(line in tree.text_of(name)[:400] for line in SPDX)
    ]
    assert without == []


def words_found(text: str) -> list[str]:
    return [what for what, pattern in FORBIDDEN_WORDS.items() if re.search(pattern, text)]


def is_text(name: str) -> bool:
    return name.endswith((*WITH_SPDX, ".md", ".json", ".txt"))


def test_no_machine_paths_or_unfinished_work():
    named = {name: words_found(tree.text_of(name)) for name in tree.files() if is_text(name) and name != "LICENSE"}
    assert {name: words for name, words in named.items() if words} == {}


@pytest.mark.parametrize(
    "text",
    ["see /" + "work/main", "# TO" + "DO: later", "files.python" + "hosted.org", "closes issue" + " #12"],
)
def test_planted_words_are_found(text):
    assert words_found(text) != []
