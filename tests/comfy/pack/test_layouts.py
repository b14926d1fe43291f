# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Every model class, small and random: a plan through the pack gives what the plan says, by an oracle of its own."""

import math

import pytest
import torch
from made_plans import OracleOverride, plan_for, relative, with_oracle
from small_models import CASES, build, sample
from twill_pack.twill_nodes.layouts.wan import WAN
from twill_pack.twill_nodes.patch.apply import apply_plan, patch_of
from twill_pack.twill_nodes.settings import Settings

from twill_vdit.families import TextTokens, tokens_beside

ALL = Settings(min_tokens=0)
# The network's timestep over its range, as each sampling class of ComfyUI defines it, written out again.
FLOW = "flow"
T_OF = {"cogvideox": "discrete", "cogvideox_15_joins_frames": "discrete", "cosmos_1": "edm", "cosmos_predict2": "rflow"}


def t_of(model, name: str):
    sampling = model.get_model_object("model_sampling")
    kind = T_OF.get(name, FLOW)
    if kind == FLOW:
        return lambda sigma: sigma
    if kind == "rflow":
        return lambda sigma: sigma / (sigma + 1)
    if kind == "edm":
        low, high = (math.log(float(x)) for x in (sampling.sigma_min, sampling.sigma_max))
        return lambda sigma: (math.log(sigma) - low) / (high - low)
    table = sampling.log_sigmas.tolist()
    return lambda sigma: min(range(len(table)), key=lambda i: abs(table[i] - math.log(sigma))) / len(table)


@pytest.fixture(scope="module")
def models():
    return {}


@pytest.mark.parametrize("name", CASES)
def test_the_result_is_the_oracles(name, models):
    case = CASES[name]
    model = models.setdefault(name, build(case))
    loaded = plan_for(case)
    patched, why = apply_plan(model, loaded, ALL)
    assert why == ""
    out = sample(patched, case)
    report = patch_of(patched).report
    assert report.fallbacks == {} and report.notes == [], report.text()
    oracle = OracleOverride(case, loaded.plan)
    expected = sample(with_oracle(model, oracle, t_of(model, name)), case)
    assert torch.isfinite(expected).all()
    assert len(set(oracle.segments)) == 2, "both segments are to be seen"
    assert report.sparse == oracle.calls == 2 * sum(layers for layers, _ in case.stacks)
    dense = sample(model, case)
    assert relative(expected, dense) > 1e-3, "a plan that changes nothing shows nothing"
    assert relative(out, expected) < 1e-3 * relative(expected, dense) + 2e-5


@pytest.mark.parametrize("name", ["wan_t2v", "hunyuan_video", "mochi"])
def test_guidance_and_batches(name, models):
    """Conditional and unconditional rows in one batch, as ComfyUI joins them."""
    case = CASES[name]
    model = models.setdefault(name, build(case))
    loaded = plan_for(case, seed=2)
    patched, _ = apply_plan(model, loaded, ALL)
    expected = sample(with_oracle(model, OracleOverride(case, loaded.plan), t_of(model, name)), case, cfg=3.0, batch=2)
    assert relative(sample(patched, case, cfg=3.0, batch=2), expected) < 1e-4
    assert patch_of(patched).report.fallbacks == {}


@pytest.mark.parametrize("name", CASES)
def test_a_dense_plan_is_dense(name, models):
    case = CASES[name]
    model = models.setdefault(name, build(case))
    patched, _ = apply_plan(model, plan_for(case, dense=True), ALL)
    assert relative(sample(patched, case), sample(model, case)) < 2e-5


def test_hooks_are_gone_after_a_run(models):
    case = CASES["mochi"]
    model = models.setdefault("mochi", build(case))
    patched, _ = apply_plan(model, plan_for(case), ALL)
    sample(patched, case)
    blocks = model.model.diffusion_model.blocks
    assert not any(block._forward_pre_hooks or block._forward_hooks for block in blocks)


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        pytest.param("WanModel", {}, (35, 0), id="reference_frame_in_front"),
        pytest.param("WanModel", {"context_latents": []}, (0, 35), id="context_latents_behind"),
        pytest.param("WanModel_S2V", {}, (0, 35), id="motion_tokens_behind"),
        pytest.param("AnimateWanModel", {}, "on both sides", id="both_sides_stay_dense"),
    ],
)
def test_where_further_tokens_of_wan_stand(name, arguments, expected):
    side, joined = WAN.begun(type(name, (), {})(), arguments)
    found = tokens_beside(side, 140, 105)
    assert joined == 0
    if isinstance(expected, str):
        assert expected in found
    else:
        assert (found.prefix, found.suffix) == expected
    assert tokens_beside(side, 105, 105) == TextTokens()
    assert "fewer" in tokens_beside(side, 100, 105)
