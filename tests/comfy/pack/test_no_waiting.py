# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A forward asks no device for a value: t follows from the schedule, and what was assumed is compared later.

There is no GPU here. The path that GPUs take is taken with tensors of the CPU, whose values may not be read: whoever
reads one in the pack's code while a forward runs fails the test.
"""

import sys

import comfy.sample
import comfy.samplers
import pytest
import torch
from comfy_extras.nodes_context_windows import WanContextWindowsManualNode
from comfy_extras.nodes_easycache import EasyCacheNode
from made_plans import plan_for
from small_models import CASES, TEXT, build, normal, sample
from torch.utils._python_dispatch import TorchDispatchMode
from twill_pack.twill_nodes.patch.apply import SparsePatch, apply_plan, patch_of
from twill_pack.twill_nodes.settings import Settings

from twill_vdit.running import schedule

CASE = CASES["wan_t2v"]
READERS = ("item", "cpu", "tolist", "numpy", "__float__", "__int__", "__bool__")


class WasReadError(BaseException):
    """Not an Exception: the pack would catch it and run dense."""


def in_the_pack() -> str:
    """The nearest frame above torch, if it is the pack's or that of what the pack runs plans by."""
    frame = sys._getframe(2)
    while "/torch/" in frame.f_code.co_filename:
        frame = frame.f_back
    name = frame.f_code.co_filename
    return f"{name}:{frame.f_lineno}" if "twill_nodes" in name or "twill_vdit/running" in name else ""


class NoScalars(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten._local_scalar_dense.default and (where := in_the_pack()):
            raise WasReadError(where)
        return func(*args, **(kwargs or {}))


class LateArrival:
    """Comes when the forward after next asks, as a copy behind a GPU's work may."""

    asked = 0

    def __init__(self, sigma, expected):
        self.expected = expected
        with torch.utils._python_dispatch._disable_current_modes():
            self._value = TENSOR_ITEM(sigma.max())
        LateArrival.asked += 1
        self._mine = LateArrival.asked

    def ready(self):
        return LateArrival.asked > self._mine

    def value(self):
        return self._value


TENSOR_ITEM = torch.Tensor.item


@pytest.fixture(scope="module")
def model():
    return build(CASE)


@pytest.fixture
def as_on_a_gpu(monkeypatch):
    monkeypatch.setattr(schedule, "can_read_at_once", lambda sigma: False)
    monkeypatch.setattr(schedule, "Arrival", LateArrival)


@pytest.fixture
def unreadable(monkeypatch, as_on_a_gpu):
    forward = SparsePatch.apply_model

    def guarded(name):
        original = getattr(torch.Tensor, name)

        def read(self, *args, **kwargs):
            if where := in_the_pack():
                raise WasReadError(f"{name} in {where}")
            return original(self, *args, **kwargs)

        return read

    def inside(self, *args, **kwargs):
        with pytest.MonkeyPatch.context() as patch, NoScalars():
            for name in READERS:
                patch.setattr(torch.Tensor, name, guarded(name))
            return forward(self, *args, **kwargs)

    monkeypatch.setattr(SparsePatch, "apply_model", inside)


def applied(model):
    patched, why = apply_plan(model, plan_for(CASE), Settings(min_tokens=0, start_percent=0.2))
    assert why == ""
    return patched


def easycache(model):
    return EasyCacheNode.execute(model, 10.0, 0.0, 1.0, False).result[0]


def windows(model):
    return WanContextWindowsManualNode.execute(
        model, 9, 4, "standard_static", 1, False, "pyramid", freenoise=False
    ).result[0]


@pytest.mark.parametrize(
    ("companion", "more"),
    [
        pytest.param(lambda model: model, {}, id="alone"),
        pytest.param(lambda model: model, {"cfg": 3.0}, id="guidance"),
        pytest.param(lambda model: model, {"cfg": 3.0, "batch": 2}, id="guidance_of_a_batch"),
        pytest.param(lambda model: model, {"start_step": 1, "disable_noise": True}, id="second_part_of_a_run"),
        pytest.param(easycache, {}, id="easycache"),
        pytest.param(windows, {}, id="context_windows"),
    ],
)
def test_nothing_is_read_and_the_result_has_the_same_bits(companion, more, model, request):
    patched = companion(applied(model))
    expected = sample(patched, CASE, steps=8, **more)
    counted = patch_of(patched).report.as_dict()
    request.getfixturevalue("unreadable")
    assert torch.equal(sample(patched, CASE, steps=8, **more), expected)
    found = patch_of(patched).report.as_dict()
    assert found["sparse_calls"] > 0 and found["dense_calls"]
    for seconds in ("seconds", "attention_seconds"):
        found.pop(seconds), counted.pop(seconds)
    assert found == counted


def test_the_guard_sees_a_read(model, unreadable, monkeypatch):
    monkeypatch.setattr(schedule, "can_read_at_once", lambda sigma: True)
    with pytest.raises(WasReadError, match=r"schedule\.py"):
        sample(applied(model), CASE)


def run_with(patched, sampler, steps=8):
    noise = normal(1, 1, *CASE.latent)
    prompt = [[normal(20, 1, TEXT, CASE.text_dim), {}]]
    sigmas = comfy.samplers.calculate_sigmas(patched.get_model_object("model_sampling"), "simple", steps)
    return comfy.sample.sample_custom(
        patched, noise, 1.0, sampler, sigmas, prompt, prompt, torch.zeros_like(noise), disable_pbar=True, seed=1
    )


@pytest.fixture
def asked(as_on_a_gpu, monkeypatch):
    """(moment that was taken, t of the sigma that the forward has) of every forward."""
    seen = []
    at = schedule.Schedule.at

    def noted(self, sigma):
        moment = at(self, sigma)
        seen.append((moment, self._t_of(sigma)))
        return moment

    monkeypatch.setattr(schedule.Schedule, "at", noted)
    return seen


def wrong_segments(plan, seen):
    return sum(plan.segment_at(moment.t) != plan.segment_at(t) for moment, t in seen)


# Each calls the model at the schedule's own sigmas.
ON_SCHEDULE = [
    "euler",
    "euler_ancestral",
    "heun",
    "dpmpp_2m",
    "dpmpp_2m_sde",
    "lms",
    "lcm",
    "uni_pc",
    "res_multistep",
    "ddim",
]
BETWEEN = ["dpm_2", "dpmpp_2s_ancestral", "dpmpp_sde", "seeds_2"]


@pytest.mark.parametrize("sampler", ON_SCHEDULE)
def test_t_is_exact_on_the_schedule(sampler, model, asked):
    patched = applied(model)
    run_with(patched, comfy.samplers.sampler_object(sampler))
    assert len(asked) >= 8
    assert [moment.t for moment, _ in asked] == pytest.approx([t for _, t in asked], rel=1e-3)
    assert patch_of(patched).report.notes == []


@pytest.mark.parametrize("sampler", BETWEEN)
def test_between_the_steps_the_segment_is_right_once_it_was_noticed(sampler, model, asked):
    patched = applied(model)
    run_with(patched, comfy.samplers.sampler_object(sampler), steps=12)
    plan = plan_for(CASE).plan
    assert wrong_segments(plan, asked[4:]) == 0
    assert len({plan.segment_at(t) for _, t in asked}) > 1
    assert patch_of(patched).report.notes == []


def test_a_sampler_that_tells_no_steps_is_noticed(model, asked):
    def silent(network, x, sigmas, extra_args=None, callback=None, disable=None):
        for i in range(len(sigmas) - 1):
            sigma = sigmas[i] * x.new_ones([x.shape[0]])
            denoised = network(x, sigma, **extra_args)
            x = x + (x - denoised) / sigmas[i] * (sigmas[i + 1] - sigmas[i])
        return x

    patched = applied(model)
    run_with(patched, comfy.samplers.KSAMPLER(silent), steps=12)
    assert [moment.t for moment, _ in asked[4:]] == pytest.approx([t for _, t in asked[4:]])
    assert patch_of(patched).report.notes == [schedule.NO_STEPS]
