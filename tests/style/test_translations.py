# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Every text of the app is in its files of translations, and translated, with the same places for values."""

import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

import tree


def troubles(text: str) -> list[str]:
    found = []
    for message in ElementTree.fromstring(text).iter("message"):
        source = message.findtext("source") or ""
        translation = message.find("translation")
        forms = [form.text or "" for form in translation.iter("numerusform")] or [translation.text or ""]
        for form in forms:
            if translation.get("type") == "unfinished" or not form:
                found.append(f"not translated: {source}")
            elif set(re.findall(r"%(?:\d+|n)", source)) - {"%n"} != set(re.findall(r"%\d+", form)):
                found.append(f"other values: {source} -> {form}")
    return found


@pytest.mark.parametrize("name", tree.files_ending(".ts"))
def test_every_text_is_translated(name):
    assert troubles(tree.text_of(name)) == []


@pytest.mark.parametrize(
    "translation",
    ['<translation type="unfinished"></translation>', "<translation></translation>", "<translation>ohne</translation>"],
    ids=["unfinished", "empty", "value_lost"],
)
def test_a_planted_gap_is_named(translation):
    text = f"<TS><context><message><source>with %1</source>{translation}</message></context></TS>"
    assert troubles(text) != []


def sources(text: str) -> set[tuple[str, str]]:
    return {
        (context.findtext("name"), message.findtext("source"))
        for context in ElementTree.fromstring(text).iter("context")
        for message in context.iter("message")
    }


def test_the_files_know_every_text_of_the_code(tmp_path):
    lupdate = shutil.which("lupdate", path="/usr/lib/qt6/bin") or shutil.which("lupdate")
    if lupdate is None:
        pytest.skip("Qt's lupdate is not installed")
    found = tmp_path / "found.ts"
    subprocess.run([lupdate, "-silent", "-recursive", tree.ROOT / "gui", "-ts", found], check=True)
    assert sources(found.read_text()) == sources(tree.text_of("gui/translations/twill_zh.ts"))
