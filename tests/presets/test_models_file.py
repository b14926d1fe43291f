# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""presets/models.json holds to its schema, agrees with itself, and knows every model that has presets."""

import copy
import json
import re
from pathlib import Path

import jsonschema
import pytest

PRESETS = Path(__file__).parents[2] / "presets"
SCHEMA = json.loads((PRESETS / "models.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
FACTS = json.loads((PRESETS / "models.json").read_text())


def problems(facts: dict) -> list[str]:
    """What a schema cannot say."""
    found = []
    ids = [family["id"] for family in facts["families"]]
    names = [model["name"] for model in facts["models"]]
    found += [f"{name} stands there twice" for name in {*ids, *names} if [*ids, *names].count(name) > 1]
    stacks = {family["id"]: len(family["stacks"]) for family in facts["families"]}
    for model in facts["models"]:
        family = model["family"]
        if family not in stacks:
            found.append(f"{model['name']}: no family {family}")
            continue
        known = next(each for each in facts["families"] if each["id"] == family)
        plain = re.sub(r"[^a-z0-9]", "", model["name"])
        if not any(plain.startswith(begin) for begin in known["plan_families"]):
            found.append(f"{model['name']}: plans of it are not of the family {family}")
        for size in model["sizes"]:
            if len(size["layers"]) > stacks[family]:
                found.append(f"{size['label']}: more lists of layers than stacks")
            found += unfit(model, size)
            found += unfit_settings(model, size)
    return found


def unfit(model: dict, size: dict) -> list[str]:
    steps = [stride * patch for stride, patch in zip(model["strides"], model["patch"], strict=True)]
    found = [
        f"{size['label']}: {side} {size[side]} is no multiple of {step}"
        for side, step in (("height", steps[1]), ("width", steps[2]))
        if size[side] % step
    ]
    if (size["frames"] - 1) % model["strides"][0]:
        found.append(f"{size['label']}: frames {size['frames']} are not {model['strides'][0]}n+1")
    return found


def unfit_settings(model: dict, size: dict) -> list[str]:
    found = []
    for setting in size.get("settings", []):
        if setting["kind"] == "two_pictures" and "image" not in model:
            found.append(f"{size['label']}: takes no pictures")
        if "width" in setting:
            found += unfit(model, {**size, "width": setting["width"], "height": setting["height"]})
    return found


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_file_holds_to_its_schema_and_agrees_with_itself():
    VALIDATOR.validate(FACTS)
    assert problems(FACTS) == []


SPOILED = {
    "unknown_side": (("families", 0, "side"), "left"),
    "no_stack": (("families", 0, "stacks"), []),
    "plan_name_with_a_sign": (("families", 0, "plan_families"), ["wan2.1"]),
    "a_patch_of_two_axes": (("models", 0, "patch"), [1, 2]),
    "a_stride_of_nothing": (("models", 0, "strides"), [4, 0, 8]),
    "unknown_prediction": (("models", 0, "prediction"), "x0"),
    "a_boundary_without_experts": (("models", 0, "boundary"), 0.5),
    "a_boundary_above_one": (("models", 2, "boundary"), 875),
    "text_on_both_sides": (("models", 5, "text", "side"), "both"),
    "unknown_kind_of_setting": (("models", 0, "sizes", 0, "settings", 0, "kind"), "best"),
    "a_distilled_setting_of_a_size": (("models", 0, "sizes", 1, "settings", 2, "width"), 832),
    "a_published_one_of_none": (("models", 0, "sizes", 1, "settings", 2, "kind"), "published"),
    "no_source": (("models", 0, "sizes", 0, "settings", 0, "source"), ""),
    "unknown_field": (("models", 0, "licence"), "mine"),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILED)
def test_spoiled_files_do_not(name):
    path, value = SPOILED[name]
    facts = copy.deepcopy(FACTS)
    place = facts
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(facts)


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (("models", 0, "family"), "wan9", "wan2.1-t2v: no family wan9"),
        (("models", 0, "family"), "mochi", "wan2.1-t2v: plans of it are not of the family mochi"),
        (("models", 1, "name"), "wan2.1-t2v", "wan2.1-t2v stands there twice"),
        (("models", 0, "sizes", 0, "layers"), [1, 2], "Wan 2.1 T2V 1.3B: more lists of layers than stacks"),
        (("models", 0, "sizes", 0, "height"), 488, "Wan 2.1 T2V 1.3B: height 488 is no multiple of 16"),
        (
            ("models", 0, "sizes", 0, "settings", 0, "width"),
            840,
            "Wan 2.1 T2V 1.3B: width 840 is no multiple of 16",
        ),
        (("models", 0, "sizes", 1, "settings", 0, "kind"), "two_pictures", "Wan 2.1 T2V 14B: takes no pictures"),
        (("models", 0, "sizes", 0, "frames"), 80, "Wan 2.1 T2V 1.3B: frames 80 are not 4n+1"),
    ],
)
def test_contradictions_are_named(path, value, problem):
    facts = copy.deepcopy(FACTS)
    place = facts
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert problem in problems(facts)


def test_every_folder_of_presets_is_of_a_model_that_is_known():
    plans = {file.parent.name for file in PRESETS.glob("*/*.json")} - {"demo", "sources"}
    assert plans == {model["name"] for model in FACTS["models"]}
