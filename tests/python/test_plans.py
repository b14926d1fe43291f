# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Plan files through the package; core/plan's own tests have the long list of damaged files."""

import copy
import json
import math
from pathlib import Path

import pytest
import torch

import plan_texts
import twill_vdit
from attention_cases import LAYOUTS, ORDERS, PATTERNS
from twill_vdit import Error, native, plan_json
from twill_vdit.run_facts import Budget, RunFacts
from twill_vdit.running.speed_quality import searched_density

GOLDEN = Path(__file__).parents[1] / "data" / "plan"

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


@pytest.mark.parametrize(("t", "segment"), [(-1e-9, 0), (0.0, 0), (0.75, 0), (0.7500001, 1), (1.0, 1), (1.0000001, 1)])
def test_the_segment_of_a_time(t, segment):
    plan = twill_vdit.parse_plan(plan_texts.plan_text(LAYERS, dense_above=0.75), "made.json")
    assert plan.segment_at(t) == segment
    if plan.native is not None:
        assert plan.native.segment_at(t) == segment


T_OUTSIDE = [(500.0, "500"), (1.5, "1.5"), (-1.0, "-1"), (math.inf, "inf"), (math.nan, "nan")]


@pytest.mark.parametrize(("t", "text"), T_OUTSIDE, ids=[text for _, text in T_OUTSIDE])
def test_a_time_outside_0_to_1_is_refused_everywhere(t, text):
    plan = twill_vdit.parse_plan(plan_texts.plan_text([[PATTERNS["skip"]]], dense_above=0.75), "made.json")
    compiled = twill_vdit.compile_plan(plan, LAYOUTS["one_frame"])
    x = torch.zeros(1, 1, compiled.layout.tokens, 64)
    calls = [
        lambda: plan.segment_at(t),
        lambda: compiled.segment_at(t),
        lambda: compiled.set_time(t),
        lambda: compiled.run_density([1.0, t]),
        lambda: twill_vdit.sparse_attention(x, x, x, compiled, layer=0, t=t),
        lambda: plan_texts.without_binary(plan, compiled.layout).run_density([t]),
    ]
    if plan.native is not None:
        calls += [lambda: plan.native.segment_at(t), lambda: compiled.native.run_density(plan.native, [t])]
    sentence = f"t {text} is not within 0..1 (a model's timestep divided by its training range)"
    for call in calls:
        with pytest.raises(Error) as refused:
            call()
        assert str(refused.value) == sentence


def of_two_experts(**provenance):
    """The first expert is dense, the second skips, in both segments."""
    made = plan_texts.plan_object([[PATTERNS["dense"], PATTERNS["skip"]]])
    made["model"]["experts"] = ["high_noise", "low_noise"]
    heads = {"high_noise": {"blocks": [[0, 0]]}, "low_noise": {"blocks": [[1, 1]]}}
    made["segments"] = [{"t_begin": a, "t_end": b, "heads": heads} for a, b in ((0, 0.5), (0.5, 1))]
    made["provenance"] = provenance
    return twill_vdit.parse_plan(json.dumps(made), "made.json")


@pytest.mark.parametrize("compile_plan", [twill_vdit.compile_plan, plan_texts.without_binary])
def test_a_density_is_that_of_the_expert_that_runs(compile_plan):
    plan = of_two_experts(expert_boundary="0.5")
    compiled = compile_plan(plan, LAYOUTS["one_frame"])
    assert plan.experts_at([1.0, 0.5, 0.49]) == [0, 0, 1]
    assert (compiled.density(0), compiled.density(1)) == (0.0, 1.0)
    assert compiled.density(0, expert=0) == 1.0
    assert compiled.run_density([1.0, 0.8, 0.6, 0.4]) == 0.75
    assert compiled.run_density([1.0, 0.8, 0.6, 0.4], [1, 1, 1, 1]) == 0.0
    either = compile_plan(of_two_experts(expert_boundary="0.25"), LAYOUTS["one_frame"])
    assert either.density(1) == 1.0
    with pytest.raises(Error, match="a forward in segment 0 may run any of high_noise, low_noise; give expert"):
        either.density(0)


def test_typed_facts_are_read_and_words_are_not():
    text = (GOLDEN / "solved-1.1.json").read_text()
    for plan in (twill_vdit.parse_plan(text, "solved"), plan_json.read(text, "solved")):
        assert plan.solved_for == RunFacts((1.0, 0.75, 0.3), 3, "unipc", None, 8.0, (13, 20, 24))
        assert plan.budget == Budget("min_psnr_db", 30.0, 0.3125)
        assert plan.expert_boundary() == 0.9
        assert plan.provenance["expert_boundary"] == "low"
        assert plan.profile_facts.run.sampler == "uni_pc" and plan.profile_facts.run.expert == (0, 0, 0, 1, 1)
        shown = plan.shown_facts()
        assert (shown["steps"], shown["budget"]) == ("3", "min_psnr_db 30, at density 0.3125")
        assert searched_density(plan) == 0.3125
    without = json.loads(text)
    del without["expert_boundary"]
    assert plan_json.read(json.dumps(without), "solved").expert_boundary() == 0.875, "the profile's"


@pytest.mark.parametrize(
    ("budget", "density"),
    [
        ({"goal": "density", "value": 0.25, "density": 0.2499}, 0.25),
        ({"goal": "attention_share", "value": 0.5, "density": 0.3}, 0.3),
        ({"goal": "min_speedup", "value": 2}, 0.4),
    ],
)
def test_the_middle_of_the_slider_is_the_budget(budget, density):
    made = json.loads((GOLDEN / "solved-1.1.json").read_text()) | {"budget": budget}
    made["provenance"]["budget"] = "density 0.9"
    assert searched_density(twill_vdit.parse_plan(json.dumps(made), "made.json")) == density
    assert searched_density(of_two_experts(budget="density 0.3, for PSNR in dB, at least 30")) == 0.3


@pytest.mark.parametrize("compile_plan", [twill_vdit.compile_plan, plan_texts.without_binary])
def test_no_density_is_made_up_where_nobody_says_which_expert_runs(compile_plan):
    compiled = compile_plan(of_two_experts(), LAYOUTS["one_frame"])
    with pytest.raises(Error, match=r"does not say below which t the second one runs \(expert_boundary\)"):
        compiled.run_density([1.0, 0.5])
    with pytest.raises(Error, match="a forward in segment 1 may run any of high_noise, low_noise"):
        compiled.density(1)
    assert compiled.run_density([1.0, 0.5], [0, 1]) == 0.5
    with pytest.raises(Error, match=r'the plan.s expert_boundary "875" is not a number within 0\.\.1'):
        of_two_experts(expert_boundary="875").experts_at([0.5])


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


def every_place(value, way=()):
    yield way
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from every_place(child, (*way, key))


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("levels", [20, 900, 200_000])
def test_a_deep_value_is_refused_in_every_place(read, levels):
    """900 levels: Python's own reader takes them, and what writes the value into a message does not."""
    plan = plan_texts.plan_object([[PATTERNS["window"], PATTERNS["union"]]])
    for way in [way for way in every_place(plan) if way]:
        text = damage(way, "HERE").replace('"HERE"', "[" * levels + "]" * levels)
        with pytest.raises(Error, match=r"damaged\.json: .*nested deeper than 16") as caught:
            read(text, "damaged.json")
        assert len(str(caught.value)) < 300


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("value", "said"),
    [
        pytest.param("1e999", None, id="beyond_a_double"),
        pytest.param("1" + 5000 * "0", None, id="thousands_of_digits"),
        pytest.param("1" + 400 * "0", None, id="hundreds_of_digits"),
        pytest.param("NaN", "not JSON", id="not_a_number"),
        pytest.param('"\\ud800"', "not JSON", id="half_a_character"),
        pytest.param("4294967296", r"patterns\[0\]\.frames", id="beyond_32_bits"),
        pytest.param(
            '"' + "\u4e2d" * 100 + '"', r'patterns\[0\]\.frames: "\u4e2d{13,40}\.\.\." is not', id="long_text"
        ),
        pytest.param("[[1]]", r"patterns\[0\]\.frames: an array is not", id="array"),
        pytest.param('{"a": 1}', r"patterns\[0\]\.frames: an object is not", id="object"),
    ],
)
def test_values_that_no_field_holds(read, value, said):
    text = damage(("patterns", 0, "frames"), "HERE").replace('"HERE"', value)
    with pytest.raises(Error, match=r"damaged\.json: " + (f".*{said}" if said else "")) as caught:
        read(text, "damaged.json")
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("read", READERS)
def test_a_field_that_is_there_twice_is_named(read):
    with pytest.raises(Error, match=r'made\.json: .*field "a" is there twice'):
        read('{"a": 1, "a": 2}', "made.json")


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
