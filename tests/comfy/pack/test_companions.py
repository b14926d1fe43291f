# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""With other nodes of core, in either order: EasyCache, context windows, torch.compile, samplers of several calls."""

import threading

import comfy.sample
import pytest
import torch
from comfy_extras.nodes_context_windows import WanContextWindowsManualNode
from comfy_extras.nodes_easycache import EasyCacheNode
from comfy_extras.nodes_torch_compile import TorchCompileModel
from made_plans import BOUNDARY, OracleOverride, plan_for, relative, with_oracle
from small_models import CASES, TEXT, build, normal, sample
from twill_pack.twill_nodes.patch.apply import apply_plan, patch_of
from twill_pack.twill_nodes.settings import Settings

from twill_vdit.running import Forward, current, running_forward

CASE = CASES["wan_t2v"]
ALL = Settings(min_tokens=0)


@pytest.fixture(scope="module")
def model():
    return build(CASE)


def applied(model, case=CASE):
    patched, why = apply_plan(model, plan_for(case), ALL)
    assert why == ""
    return patched


def only(output):
    return output.result[0]


def easycache(model):
    return only(EasyCacheNode.execute(model, 10.0, 0.0, 1.0, False))


def windows(model):
    return only(
        WanContextWindowsManualNode.execute(model, 9, 4, "standard_static", 1, False, "pyramid", freenoise=False)
    )


@pytest.mark.parametrize("companion", [easycache, windows], ids=["easycache", "context_windows"])
def test_the_order_of_nodes_does_not_matter(companion, model):
    before, after = applied(companion(model)), companion(applied(model))
    one, other = sample(before, CASE, steps=6), sample(after, CASE, steps=6)
    assert torch.equal(one, other)
    report = patch_of(before).report
    assert report.sparse > 0 and report.warning() == ""


def test_skipped_steps_do_not_shift_the_plan(model):
    """EasyCache leaves forwards out; those that run have the segment of their own sigma."""
    patched = applied(easycache(model))
    sample(patched, CASE, steps=8)
    assert 0 < patch_of(patched).report.forwards == 8
    assert patch_of(patched).report.sparse < 8 * 3, "some forwards were to be left out"


def test_windows_have_a_layout_of_their_own(model):
    """Three frames at a time of the clip's four; ComfyUI puts a frame before each window but the first."""
    patched = applied(windows(model))
    out = sample(patched, CASE, steps=2)
    oracle = OracleOverride(CASE, plan_for(CASE).plan, grids=((3, 10, 14), (4, 10, 14)))
    expected = sample(with_oracle(windows(model), oracle, lambda sigma: sigma), CASE, steps=2)
    assert oracle.calls == patch_of(patched).report.sparse > 6
    assert relative(out, expected) < 1e-4


def test_a_compiled_model_follows_the_plan(model):
    """The compiler's own back end is left out; it is the graphs that could freeze a segment."""
    compiled = only(TorchCompileModel.execute(applied(model), "eager"))
    expected = sample(applied(model), CASE, steps=4)
    assert relative(sample(compiled, CASE, steps=4), expected) < 1e-4
    assert patch_of(compiled).report.sparse == 12


@pytest.mark.parametrize("sampler", ["heun", "dpmpp_2m", "uni_pc", "lcm"])
def test_samplers_that_call_more_than_once_a_step(sampler, model):
    def run(patched):
        noise = normal(1, 1, *CASE.latent)
        prompt = [[normal(20, 1, TEXT, CASE.text_dim), {}]]
        zeros = torch.zeros_like(noise)
        return comfy.sample.sample(
            patched, noise, 3, 1.0, sampler, "simple", prompt, prompt, zeros, disable_pbar=True, seed=1
        )

    patched = applied(model)
    oracle = OracleOverride(CASE, plan_for(CASE).plan)
    expected = run(with_oracle(model, oracle, lambda sigma: sigma))
    assert relative(run(patched), expected) < 1e-4
    assert patch_of(patched).report.forwards == len(oracle.segments)
    assert BOUNDARY > 0 and patch_of(patched).report.fallbacks == {}


def test_threads_have_forwards_of_their_own():
    """As with several GPUs: each thread's hooks write into its own forward."""
    seen, ready = {}, threading.Barrier(2)

    def work(name):
        with running_forward(Forward(t=0.0, grid=None)) as forward:
            ready.wait()
            seen[name] = current() is forward
        seen[name + " after"] = current() is None

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {"a": True, "b": True, "a after": True, "b after": True}
