# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Families as data: which model a network is, which plan fits it, and where its tokens stand."""

import pytest

import plan_texts
import twill_vdit
from attention_cases import PATTERNS
from twill_vdit import families
from twill_vdit.families import NetworkShape, TextTokens, Traits, tokens_beside

T2V = Traits(channels_in=16, channels_out=16)


@pytest.mark.parametrize(
    ("family", "traits", "file_name", "models"),
    [
        pytest.param(families.WAN, T2V, "", ("wan2.1-t2v", "wan2.2-t2v"), id="an_unknown_file"),
        pytest.param(families.WAN, T2V, "Wan2_2_high.gguf", ("wan2.2-t2v", "wan2.1-t2v"), id="told_by_its_file"),
        pytest.param(families.WAN, T2V, "a_low_noise.bin", ("wan2.2-t2v", "wan2.1-t2v"), id="told_by_its_expert"),
        pytest.param(families.WAN, Traits(36, 16, True), "wan2.2", ("wan2.1-i2v",), id="i2v_with_an_image_encoder"),
        pytest.param(families.WAN, Traits(36, 16), "", ("wan2.2-i2v",), id="i2v_without"),
        pytest.param(families.WAN, Traits(48, 16, True), "", ("wan2.1-fun",), id="fun_control"),
        pytest.param(families.WAN, Traits(48, 48), "", ("wan2.2-ti2v",), id="ti2v"),
        pytest.param(families.WAN, Traits(kind="wan-camera"), "", ("wan-camera",), id="known_to_the_host"),
        pytest.param(families.COGVIDEOX, Traits(frames_in_patch=2), "", ("cogvideox-1.5",), id="joins_frames"),
        pytest.param(families.COGVIDEOX, Traits(), "", ("cogvideox-2b", "cogvideox-5b"), id="does_not"),
        pytest.param(families.MOCHI, Traits(), "", ("mochi",), id="one_kind"),
    ],
)
def test_a_network_is_known_by_its_traits(family, traits, file_name, models):
    assert family.models(traits, file_name) == models


def test_plans_of_relatives_are_told_apart():
    assert families.WAN.rank("wan2.2-t2v-a14b", T2V) == 1
    assert families.WAN.rank("wan2.1-i2v", T2V) is None
    assert families.MOCHI.rank("mochi-1", Traits()) == 0


@pytest.mark.parametrize(
    ("side", "tokens", "expected"),
    [
        pytest.param("nowhere", 60, TextTokens(), id="grid_only"),
        pytest.param("front", 81, TextTokens(prefix=21), id="in_front"),
        pytest.param("behind", 81, TextTokens(suffix=21), id="behind"),
        pytest.param("both", 60, TextTokens(), id="on_both_sides_none"),
        pytest.param("front", 59, "59 tokens are fewer than the 60 of the clip", id="fewer"),
    ],
)
def test_tokens_beside_the_clip(side, tokens, expected):
    assert tokens_beside(side, tokens, 60) == expected


def test_latents_are_padded_up_to_whole_tokens():
    assert families.tokens_of((1, 16, 13, 31, 52), (1, 2, 2)) == (13, 16, 26)


@pytest.mark.parametrize(
    ("model", "label", "grid", "text"),
    [
        pytest.param("wan2.1-t2v", "Wan 2.1 T2V 1.3B", (21, 30, 52), (0, 0), id="text_in_cross_attention"),
        pytest.param("cogvideox-1.5", "CogVideoX1.5-5B", (11, 48, 85), (226, 0), id="text_in_front_and_two_frames"),
        pytest.param("mochi-1", "Mochi 1", (28, 30, 53), (0, 256), id="text_behind_and_six_frames"),
    ],
)
def test_a_model_knows_the_tokens_of_its_clips(model, label, grid, text):
    facts = families.MODELS[model]
    size = facts.size(label)
    layout = facts.layout(size.width, size.height, size.frames)
    assert (layout.frames, layout.rows, layout.cols) == grid
    assert (layout.prefix, layout.suffix) == text


def test_experts_and_their_boundary_are_facts_of_a_model():
    assert families.MODELS["wan2.1-t2v"].experts == ("default",)
    two = families.MODELS["wan2.2-t2v"]
    assert (two.experts, two.boundary) == (("high_noise", "low_noise"), 0.875)


def test_stacks_that_a_model_lacks_are_left_out():
    stacks = {name: families.MODELS[name].sizes[0].stacks for name in ("hunyuanvideo", "hunyuanvideo-1.5")}
    assert stacks["hunyuanvideo"] == (("double_blocks", 20, 24), ("single_blocks", 40, 24))
    assert stacks["hunyuanvideo-1.5"] == (("double_blocks", 54, 16),)


def test_why_a_plan_does_not_fit_names_both():
    plan = twill_vdit.parse_plan(plan_texts.plan_text([[PATTERNS["dense"]] * 2] * 3))
    assert families.why_not(plan, families.WAN, NetworkShape(((3, 2), (1, 2)), 64)) == "", "a further stack stays dense"
    assert families.why_not(plan, families.MOCHI, NetworkShape(((3, 2),), 64), "mine") == (
        'the plan "mine" is for wan2.1-t2v, not for Mochi'
    )
    assert families.why_not(plan, families.WAN, NetworkShape(((3, 4),), 64), "mine") == (
        'the plan "mine" is for 3 layers x 2 heads x 64, this model has 3 layers x 4 heads x 64'
    )


def test_every_family_has_names_of_its_own():
    names = [family.name for family in families.FAMILIES]
    assert len(set(names)) == len(names)
    assert all(family.knows(kind) for family in families.FAMILIES for each in family.kinds for kind in each.models)
