# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Plan files through the package; core/plan's own tests have the long list of damaged files."""

import copy
import json

import pytest

import plan_texts
import twill_vdit
from attention_cases import LAYOUTS, ORDERS, PATTERNS
from twill_vdit import Error, native, plan_json

# Both readers must refuse the same; without a binary there is one.
READERS = [pytest.param(plan_json.read, id="python")]
if native.binary is not None:
    READERS.append(pytest.param(twill_vdit.parse_plan, id="binary"))

LAYERS = [[plan_texts.with_order(pattern, order) for pattern in PATTERNS.values()] for order in ORDERS.values()]


@pytest.mark.parametrize("read", READERS)
def test_a_plan_is_read_as_it_was_written(read):
    plan = read(plan_texts.plan_text(LAYERS, dense_above=0.75), "made.json")
    heads = [plan.patterns[index] for index in plan.segments[0].heads[0]]
    assert heads == [pattern for layer in LAYERS for pattern in layer]
    assert [(s.t_begin, s.t_end, s.dense) for s in plan.segments] == [(0.0, 0.75, False), (0.75, 1.0, True)]
    assert plan.model.heads_total == len(heads)
    assert plan.provenance == {"source": "a test"}


def test_a_file_is_written_and_read_again(tmp_path):
    plan = twill_vdit.parse_plan(plan_texts.plan_text(LAYERS), "made.json")
    twill_vdit.write_plan(tmp_path / "plan.json", plan)
    assert twill_vdit.read_plan(tmp_path / "plan.json") == plan
    assert [file.name for file in tmp_path.iterdir()] == ["plan.json"], "a temporary file was left behind"


@pytest.mark.parametrize(("t", "segment"), [(-1.0, 0), (0.0, 0), (0.75, 0), (0.7500001, 1), (1.0, 1), (2.0, 1)])
def test_the_segment_of_a_time(t, segment):
    plan = twill_vdit.parse_plan(plan_texts.plan_text(LAYERS, dense_above=0.75), "made.json")
    assert plan.segment_at(t) == segment
    if plan.native is not None:
        assert plan.native.segment_at(t) == segment


def test_density_counts_list_tiles():
    """190 tokens are 2 x 3 list tiles; a first-frame stripe in raster touches the text's tiles and its own."""
    layout = LAYOUTS["text_in_front_and_behind"]
    heads = [PATTERNS["dense"], PATTERNS["skip"], PATTERNS["mean"], PATTERNS["dense"]]
    compiled = twill_vdit.compile_plan(twill_vdit.parse_plan(plan_texts.plan_text([heads])), layout)
    assert compiled.density(0) == 0.5
    assert compiled.run_density([0.5, 0.1, 1.0]) == 0.5


def damage(path, value):
    """The plan with one value replaced; None takes the field away."""
    plan = copy.deepcopy(plan_texts.plan_object([[PATTERNS["window"], PATTERNS["union"]]]))
    *way, last = path
    place = plan
    for step in way:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return json.dumps(plan)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("path", "value", "parts_of_text"),
    [
        pytest.param(("schema_version",), "2.0", ["schema_version", "2.0"], id="newer_schema"),
        pytest.param(("patterns", 0, "kind"), "zig", ["patterns[0].kind", '"zig"'], id="unknown_pattern"),
        pytest.param(("patterns", 0, "order"), "spiral", ["patterns[0].order", "spiral"], id="unknown_order"),
        pytest.param(("patterns", 0, "rows"), None, ["patterns[0]", "rows"], id="missing_field"),
        pytest.param(("patterns", 0, "frames"), "two", ["patterns[0].frames", "two"], id="text_for_a_number"),
        pytest.param(("patterns", 0, "frames"), True, ["patterns[0].frames", "true"], id="truth_for_a_number"),
        pytest.param(("segments", 0, "t_end"), 0.5, ["segments"], id="a_gap_in_time"),
        pytest.param(("segments", 0, "heads", "default", "blocks", 0), [0], ["blocks"], id="a_head_is_missing"),
        pytest.param(("segments", 0, "heads", "default", "blocks", 0, 1), 9, ["blocks[0][1]", "9"], id="no_pattern_9"),
        pytest.param(("segments", 0, "heads", "default", "blocks"), [], ["blocks"], id="a_layer_is_missing"),
        pytest.param(("model", "stacks", 0, "layers"), 1.5, ["model.stacks[0].layers", "1.5"], id="half_a_layer"),
    ],
)
def test_a_damaged_plan_is_refused_by_name(read, path, value, parts_of_text):
    with pytest.raises(Error) as refused:
        read(damage(path, value), "damaged.json")
    for part in ["damaged.json", *parts_of_text]:
        assert part in str(refused.value)
    assert refused.value.code in ("file", "model")


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("text", ["", "{", "[" * 100000, "null", "[]"], ids=["empty", "cut", "deep", "null", "list"])
def test_what_is_no_plan_is_refused(read, text):
    with pytest.raises(Error, match=r"made\.json"):
        read(text, "made.json")


@pytest.mark.skipif(native.binary is None, reason="the complete checks are those of the binary module")
def test_a_negative_window_is_refused():
    with pytest.raises(Error, match=r"damaged\.json: patterns\[0\].*-1"):
        twill_vdit.parse_plan(damage(("patterns", 0, "frames"), -1), "damaged.json")


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(Error, match=r"nowhere\.json: No such file"):
        twill_vdit.read_plan(tmp_path / "nowhere.json")


def test_a_folder_that_is_not_there_is_refused_by_name(tmp_path):
    plan = twill_vdit.parse_plan(plan_texts.plan_text(LAYERS), "made.json")
    with pytest.raises(Error, match=r"nowhere/plan\.json: cannot be written"):
        twill_vdit.write_plan(tmp_path / "nowhere" / "plan.json", plan)
