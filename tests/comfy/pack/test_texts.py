# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Translations, help pages and workflows agree with the nodes; names and prompts are checked by text."""

import json
from pathlib import Path

import pytest
import twill_pack
from twill_pack.twill_nodes import demo_model, extension, plan_store, plan_text
from twill_pack.twill_nodes.plan_store import safe_name

from twill_vdit.running import density_at

PACK = Path(twill_pack.__file__).parent
NODES = {node.define_schema().node_id: node.define_schema() for node in extension.NODES}


def definitions(language: str) -> dict:
    return json.loads((PACK / "locales" / language / "nodeDefs.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", NODES)
def test_a_translation_has_every_input_and_output(name, language):
    found, schema = definitions(language)[name], NODES[name]
    assert set(found["inputs"]) == {each.id for each in schema.inputs}
    assert set(found["outputs"]) == {str(i) for i in range(len(schema.outputs))}
    for each in (*found["inputs"].values(), *found["outputs"].values()):
        assert each["name"] and each["tooltip"]


def test_english_is_what_the_nodes_say():
    for name, schema in NODES.items():
        found = definitions("en")[name]
        assert (found["display_name"], found["description"]) == (schema.display_name, schema.description)
        assert {key: value["tooltip"] for key, value in found["inputs"].items()} == {
            each.id: each.tooltip for each in schema.inputs
        }


@pytest.mark.parametrize("name", NODES)
def test_a_node_is_named_tooltipped_and_helped(name):
    schema = NODES[name]
    assert name.startswith("Twill") and schema.search_aliases and schema.description
    assert all(each.tooltip for each in (*schema.inputs, *schema.outputs))
    assert f"# {schema.display_name}" in (PACK / "web" / "docs" / f"{name}.md").read_text(encoding="utf-8")


def test_workflows_hold_known_nodes_of_ours():
    files = list((PACK / "example_workflows").glob("*.json"))
    used = {node["type"] for file in files for node in json.loads(file.read_text())["nodes"]}
    assert {name for name in used if name.startswith("Twill")} <= set(NODES)
    assert len({name for name in used if name.startswith("Twill")}) >= 9


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x" * 101])
def test_a_name_that_leaves_the_folder_is_refused(name):
    with pytest.raises(ValueError, match="is not one for a plan"):
        safe_name(name)


def test_a_name_is_kept_without_its_ending():
    assert safe_name(" my plan (2).json ") == "my plan (2)"


def test_an_unknown_word_lists_the_vocabulary():
    with pytest.raises(ValueError, match=r'"dragon"; it knows: , a an .*'):
        demo_model.encode("a red dragon", demo_model.files()["text"])


def test_a_long_prompt_is_refused_by_text():
    with pytest.raises(ValueError, match="33 words"):
        demo_model.encode("a " * 33, demo_model.files()["text"])


def test_the_slider_is_a_line_through_what_was_searched():
    at = [density_at(x, 0.1, 0.4) for x in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert at == pytest.approx([0.1, 0.25, 0.4, 0.7, 1.0])


def test_patterns_in_words():
    plan = plan_store.load("preset: demo/plan").plan
    texts = [plan_text.pattern_of(plan, s, h) for s in range(len(plan.segments)) for h in range(48)]
    assert {text.split(":")[0] for text in texts} >= {"window", "dense", "union", "multi_diagonal", "vertical_stripe"}
    assert not any("=" in text for text in texts)
    assert plan_text.head_at(plan, 99, 99) == (47, "blocks, layer 11, head 3")
