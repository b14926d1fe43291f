# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""presets/plan.schema.json says what the reader takes: golden and shipped files validate, spoiled ones do not."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests/data/plan"
SCHEMA = json.loads((ROOT / "presets/plan.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def plan_files():
    shipped = [path for path in (ROOT / "presets").rglob("*.json") if '"schema_version"' in path.read_text()]
    golden = [GOLDEN / f"{name}.json" for name in ("small-1.0", "full-1.0", "solved-1.1", "precise-1.2")]
    return [*golden, *(p for p in shipped if p.name != "plan.schema.json")]


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", plan_files(), ids=lambda path: path.name)
def test_files_validate(path):
    VALIDATOR.validate(json.loads(path.read_text()))


@pytest.mark.parametrize(
    ("name", "version"), [("profile-1.0", "1.0"), ("measured-1.1", "1.1"), ("precise-profile-1.2", "1.2")]
)
def test_a_profile_of_its_own_validates(name, version):
    profile = json.loads((GOLDEN / f"{name}.json").read_text())
    assert profile.pop("schema_version") == version
    jsonschema.Draft202012Validator({"$ref": "#/$defs/profile", "$defs": SCHEMA["$defs"]}).validate(profile)


# The same mistakes that tests/plan/bad_files_test.cpp shows to the reader.
SPOILED = {
    "unknown_pattern": (("patterns", 3, "kind"), "zigzag"),
    "negative_window": (("patterns", 6, "frames"), -1),
    "fraction_over_one": (("patterns", 6, "rows"), 1.5),
    "offset_outside": (("patterns", 6, "offset_cols"), -1.25),
    "text_for_a_number": (("patterns", 3, "reach"), "wide"),
    "no_whole_number": (("patterns", 6, "frames"), 1.5),
    "unknown_field": (("patterns", 3, "width"), 3),
    "order_of_dense": (("patterns", 0, "order"), "raster"),
    "unknown_order": (("patterns", 3, "order"), "spiral"),
    "tile_of_nothing": (("patterns", 3, "order"), "tiles 4x0x4"),
    "union_of_one": (("patterns", 7, "parts"), [{"kind": "diagonal", "reach": 1}]),
    "union_of_union": (("patterns", 7, "parts", 0), {"kind": "union"}),
    "no_boxes": (("patterns", 5, "boxes"), []),
    "unknown_precision": (("segments", 0, "heads", "low_noise", "double_blocks", 0, 1), {"pattern": 1, "precision": 8}),
    "heads_of_a_dense_segment": (("segments", 2, "heads"), {}),
    "no_layers": (("model", "stacks", 0, "layers"), 0),
    "expert_twice": (("model", "experts"), ["a", "a"]),
    "wrong_major": (("schema_version",), "2.0"),
    "unknown_top_field": (("licence",), "mine"),
    "no_segments": (("segments",), []),
    "provenance_number": (("provenance", "source"), 3),
}  # fmt: skip


SPOILED_FACTS = {
    "facts_of_an_older_version": (("schema_version",), "1.0"),
    "run_of_text": (("solved_for",), "20 steps"),
    "unknown_field_of_a_run": (("solved_for", "cfg"), 3),
    "no_times": (("solved_for", "t"), []),
    "time_of_text": (("solved_for", "t", 1), "0.5"),
    "time_outside": (("solved_for", "t", 0), 1000),
    "negative_weight": (("profile", "run", "weight", 1), -0.5),
    "sampler_of_nothing": (("solved_for", "sampler"), ""),
    "long_sampler": (("solved_for", "sampler"), "x" * 65),
    "scheduler_of_two_lines": (("solved_for", "scheduler"), "a\nb"),
    "no_shift": (("solved_for", "shift"), 0),
    "grid_of_nothing": (("solved_for", "grid", "rows"), 0),
    "grid_of_text": (("solved_for", "grid"), "13x20x24"),
    "half_a_step": (("solved_for", "steps"), 2.5),
    "unknown_goal": (("budget", "goal"), "beauty"),
    "too_much_of_a_share": (("budget",), {"goal": "attention_share", "value": 1.5}),
    "negative_psnr": (("budget", "value"), -30),
    "density_over_one": (("budget", "density"), 1.5),
    "negative_layers": (("dense_first_layers",), -1),
    "fixed_heads_of_text": (("fixed_heads",), "0:7"),
    "boundary_outside": (("expert_boundary",), 875),
    "boundary_of_a_profile": (("profile", "expert_boundary"), -0.5),
    "negative_time_weight": (("profile", "time_weight", "weight", 2), -1),
    "time_weight_of_text": (("profile", "time_weight"), "{}"),
}  # fmt: skip


SPOILED_PRECISIONS = {
    "error_of_an_older_version": (("schema_version",), "1.1"),
    "precision_of_another_case": (
        ("segments", 0, "heads", "low_noise", "single_blocks", 1, 2),
        {"pattern": 1, "precision": "INT8"},
    ),
    "errors_of_text": (("profile", "int8_error"), "none"),
}


@pytest.mark.parametrize(
    ("name", "where", "value"),
    [("full-1.0", *spoiled) for spoiled in SPOILED.values()]
    + [("solved-1.1", *spoiled) for spoiled in SPOILED_FACTS.values()]
    + [("precise-1.2", *spoiled) for spoiled in SPOILED_PRECISIONS.values()],
    ids=[*SPOILED, *SPOILED_FACTS, *SPOILED_PRECISIONS],
)
def test_spoiled_files_do_not(name, where, value):
    plan = copy.deepcopy(json.loads((GOLDEN / f"{name}.json").read_text()))
    *parents, last = where
    node = plan
    for step in parents:
        node = node[step]
    node[last] = value
    assert not VALIDATOR.is_valid(plan)
