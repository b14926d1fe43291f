# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Every text of the app that its files of translations know is translated, with the same places for values."""

import re
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
