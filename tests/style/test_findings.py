# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The scripts of findings/ are bash of one form, pin what they install, and stand in the table of their README."""

import re
import subprocess

import pytest

import tree

SCRIPTS = [name for name in tree.files_ending(".sh") if re.fullmatch(r"findings/\w+\.sh", name)]
ROW = re.compile(r"^\| \[(\w+)\]\((\w+)\.sh\) \|", re.MULTILINE)


def test_the_table_lists_each_script_once():
    rows = ROW.findall(tree.text_of("findings/README.md"))
    assert [name for name, file in rows if name != file] == []
    assert sorted(f"findings/{file}.sh" for _, file in rows) == SCRIPTS


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_finding_pins_guesses_and_observes(script):
    text = tree.text_of(script)
    calls = re.findall(r"^(packages|guess|observe)\b", text, re.MULTILINE)
    assert calls == ["packages", "guess", "observe"]
    pins = re.search(r"^packages (.*)$", text, re.MULTILINE).group(1).split()
    assert [pin for pin in pins if not re.fullmatch(r"[\w-]+==[\w.]+", pin)] == []
    assert "\nverdict(" in text
    subprocess.run(["bash", "-n", tree.ROOT / script], check=True)
