# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A plan that is fitted to the clip while it is made: the same as by hand, and never in the sampler's way."""

import dataclasses

import comfy.sample
import comfy.samplers
import pytest
import torch
from made_plans import plan_for, plan_with_profile, relative, with_oracle
from small_models import CASES, TEXT, build, normal, sample
from twill_pack.twill_nodes.nodes.sparse_sampler import SparseSampler
from twill_pack.twill_nodes.patch.apply import apply_plan, patch_of
from twill_pack.twill_nodes.patch.timestep import t_of_schedule
from twill_pack.twill_nodes.settings import Settings

import twill_vdit
from twill_vdit import search
from twill_vdit.running import adapting, schedule

SEARCHED_AT = (3, 12, 16)
STEPS = 8
MEASURED = "after steps 1, 2, 4"  # the first, and those at 20 and 45 % of 8; 5 % is the first again
ADAPT = Settings(min_tokens=0, adapt=True)


class AdaptingOracle:
    """As made_plans.OracleOverride: finds its place by counting calls, and shows them to an AdaptiveRun of its own."""

    def __init__(self, case, loaded, times: list[float], branches: int) -> None:
        frames, rows, cols = case.grid
        self.layout = twill_vdit.TokenLayout(
            frames=frames, rows=rows, cols=cols, prefix=case.prefix, suffix=case.suffix
        )
        density = twill_vdit.compile_plan(loaded.plan, self.layout).run_density(times)
        self.run = search.AdaptiveRun(loaded.profile(), times, density=density, layout=self.layout)
        self.order = [(s, i) for s, (layers, _) in enumerate(case.stacks) for i in range(layers)]
        self.branches = branches
        self.t = None

    def forward_at(self, t: float) -> None:
        if self.t is not None and t != self.t:
            self.run.finish_step()
        if t != self.t:
            self.compiled = twill_vdit.compile_plan(self.run.plan, self.layout)
        self.t = t
        self.place = iter(self.order)

    def __call__(self, func, q, k, v, heads, *args, **kwargs):
        apart = kwargs.get("skip_reshape", False)
        inside = [x if apart else x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v)]
        if inside[0].shape[2] != self.layout.tokens or inside[0].shape != inside[1].shape:
            return func(q, k, v, heads, *args, **kwargs)
        stack, layer = next(self.place)
        if self.run.measuring:
            for row, branch in enumerate(reversed(range(self.branches))):
                shown = [x[row : row + 1] for x in inside]
                self.run.observe(*shown, layer=layer, stack=stack, branch=branch)
        out = twill_vdit.sparse_attention(*inside, self.compiled, layer=layer, stack=stack, t=self.t)
        return out if kwargs.get("skip_output_reshape") else out.transpose(1, 2).flatten(2)


def adapted(model, case, loaded, settings=ADAPT):
    patched, why = apply_plan(model, loaded, settings)
    assert why == ""
    return patched


@pytest.mark.parametrize(
    ("name", "cfg"), [("wan_t2v", 1.0), ("wan_t2v", 3.0), ("hunyuan_video", 1.0), ("mochi", 1.0), ("cosmos_1", 1.0)]
)
def test_it_is_what_one_would_do_by_hand(name, cfg):
    case = CASES[name]
    model, loaded = build(case), plan_with_profile(case, SEARCHED_AT)
    patched = adapted(model, case, loaded)
    out = sample(patched, case, steps=STEPS, cfg=cfg)
    report = patch_of(patched).report
    assert report.warning() == "" and MEASURED in report.adapted

    sampling = model.get_model_object("model_sampling")
    sigmas = comfy.samplers.calculate_sigmas(sampling, "simple", STEPS)
    times = t_of_schedule(sampling, sigmas)
    oracle = AdaptingOracle(case, loaded, times, branches=1 if cfg == 1.0 else 2)
    nearest = lambda sigma: times[int((sigmas[:-1] - sigma).abs().argmin())]  # noqa: E731
    by_hand = sample(with_oracle(model, oracle, nearest), case, steps=STEPS, cfg=cfg)
    assert torch.equal(out, by_hand)
    oracle.run.finish_step()
    assert report.density == pytest.approx(oracle.run.density)

    as_it_is = sample(apply_plan(model, loaded, Settings(min_tokens=0))[0], case, steps=STEPS, cfg=cfg)
    assert relative(out, as_it_is) > 1e-4


def test_every_run_begins_anew():
    case = CASES["wan_t2v"]
    patched = adapted(build(case), case, plan_with_profile(case, SEARCHED_AT))
    assert torch.equal(sample(patched, case, steps=STEPS), sample(patched, case, steps=STEPS))


def test_the_density_is_that_of_the_plan_there():
    """Also of the slider's, which solved for the clip's grid."""
    case = CASES["wan_t2v"]
    model, loaded = build(case), plan_with_profile(case, SEARCHED_AT)
    for speed_quality in (0.5, 0.7):
        found = []
        for adapt in (False, True):
            settings = Settings(speed_quality, min_tokens=0, adapt=adapt)
            patched = adapted(model, case, loaded, settings)
            sample(patched, case, steps=STEPS)
            found.append(patch_of(patched).report.density)
        assert found[1] <= found[0] + 1e-9
        assert found[1] == pytest.approx(found[0], abs=0.03), "a small model's heads cost in large pieces"


@pytest.mark.parametrize(
    ("settings", "loaded", "text"),
    [
        pytest.param(ADAPT, plan_for, "not adapted: the plan has no profile", id="no_profile"),
        pytest.param(dataclasses.replace(ADAPT, speed_quality=1.0), None, "speed-quality 1: dense", id="dense"),
        pytest.param(
            dataclasses.replace(ADAPT, min_tokens=561), None, "dense below 561 tokens", id="nothing_is_sparse"
        ),
    ],
)
def test_where_there_is_nothing_to_adapt_the_run_is_as_without(settings, loaded, text):
    case = CASES["wan_t2v"]
    model = build(case)
    plan = loaded(case) if loaded else plan_with_profile(case, SEARCHED_AT)
    patched = adapted(model, case, plan, settings)
    plain = adapted(model, case, plan, dataclasses.replace(settings, adapt=False))
    assert torch.equal(sample(patched, case), sample(plain, case))
    report = patch_of(patched).report
    assert text in report.text()
    assert report.warning() == patch_of(plain).report.warning()


@pytest.mark.parametrize("after", [0, 7], ids=["at_once", "in_the_third_step"])
def test_trouble_ends_the_adapting_and_not_the_run(after, monkeypatch):
    case = CASES["wan_t2v"]
    patched = adapted(build(case), case, plan_with_profile(case, SEARCHED_AT))
    observe, calls = search.AdaptiveRun.observe, []

    def fail_later(self, *args, **kwargs):
        calls.append(1)
        if len(calls) > after:
            raise RuntimeError("planted")
        observe(self, *args, **kwargs)

    monkeypatch.setattr(search.AdaptiveRun, "observe", fail_later)
    assert sample(patched, case, steps=STEPS).isfinite().all()
    report = patch_of(patched).report
    assert report.warning().endswith("The plan was adapted no further (RuntimeError: planted).")
    assert report.fallbacks == {} and report.sparse > 0
    assert report.adapted.startswith("the plan was not adapted" if after == 0 else "the plan was adapted")
    assert len(calls) == after + 1, "it is not tried again"


def test_a_plan_that_cannot_be_solved_for_leaves_the_run_as_it_is(monkeypatch):
    case = CASES["wan_t2v"]
    model, loaded = build(case), plan_with_profile(case, SEARCHED_AT)
    expected = sample(adapted(model, case, loaded, Settings(min_tokens=0)), case, steps=STEPS)

    def fail(self, *args, **kwargs):
        raise ValueError("planted")

    monkeypatch.setattr(search.AdaptiveRun, "__init__", fail)
    patched = adapted(model, case, loaded)
    assert torch.equal(sample(patched, case, steps=STEPS), expected)
    assert "adapted no further (ValueError: planted)" in patch_of(patched).report.warning()


def run_with(patched, case, sampler, steps=STEPS, sigmas=None):
    noise = normal(1, 1, *case.latent)
    prompt = [[normal(20, 1, TEXT, case.text_dim), {}]]
    if sigmas is None:
        sigmas = comfy.samplers.calculate_sigmas(patched.get_model_object("model_sampling"), "simple", steps)
    comfy.sample.sample_custom(
        patched, noise, 1.0, sampler, sigmas, prompt, prompt, torch.zeros_like(noise), disable_pbar=True, seed=1
    )
    return patch_of(patched).report


@pytest.mark.parametrize("sampler", ["heun", "dpm_2", "dpmpp_2m", "uni_pc"])
def test_samplers_that_call_the_model_more_often_measure_each_step_once(sampler):
    case = CASES["wan_t2v"]
    patched = adapted(build(case), case, plan_with_profile(case, SEARCHED_AT))
    report = run_with(patched, case, comfy.samplers.sampler_object(sampler))
    assert report.warning() == "" and MEASURED in report.adapted


def test_a_sampler_that_tells_no_steps_is_told_of():
    def silent(network, x, sigmas, extra_args=None, callback=None, disable=None):
        for i in range(len(sigmas) - 1):
            denoised = network(x, sigmas[i] * x.new_ones([x.shape[0]]), **extra_args)
            x = x + (x - denoised) / sigmas[i] * (sigmas[i + 1] - sigmas[i])
        return x

    case = CASES["wan_t2v"]
    patched = adapted(build(case), case, plan_with_profile(case, SEARCHED_AT))
    report = run_with(patched, case, comfy.samplers.KSAMPLER(silent))
    assert report.notes == [adapting.NO_STEPS]
    assert report.adapted == "the plan was not adapted"


def test_a_schedule_that_goes_up_again_is_not_adapted_to():
    case = CASES["wan_t2v"]
    patched = adapted(build(case), case, plan_with_profile(case, SEARCHED_AT))
    restarts = torch.tensor([1.0, 0.8, 0.5, 0.7, 0.4, 0.0])
    report = run_with(patched, case, comfy.samplers.sampler_object("euler"), sigmas=restarts)
    assert "not adapted: the steps of this schedule do not go down" in report.settings
    assert report.adapted == "" and report.warning() == ""


def test_segments_are_right_behind_a_device_that_is_late(monkeypatch):
    """Schedule asks for sigma near the ends of segments, which move with the plan."""
    case = CASES["wan_t2v"]
    patched = adapted(build(case), case, plan_with_profile(case, SEARCHED_AT))
    expected = run_with(patched, case, comfy.samplers.sampler_object("euler")).density
    monkeypatch.setattr(schedule, "can_read_at_once", lambda sigma: False)

    class Arrival:
        def __init__(self, sigma, expected):
            self.expected, self._value = expected, float(sigma.max())

        def ready(self):
            return True

        def value(self):
            return self._value

    monkeypatch.setattr(schedule, "Arrival", Arrival)
    report = run_with(patched, case, comfy.samplers.sampler_object("euler"))
    assert report.density == expected and report.warning() == ""


def test_the_node_hands_it_on():
    case = CASES["wan_t2v"]
    model, loaded = build(case), plan_with_profile(case, SEARCHED_AT)
    prompt = [[normal(20, 1, TEXT, case.text_dim), {}]]
    latent = {"samples": torch.zeros(1, *case.latent)}
    arguments = (model, 5, STEPS, 1.0, "euler", "simple", prompt, prompt, latent, 1.0, "None (dense)", 0.5)
    # The plan holds calls of fewer tokens than the node lets run sparse.
    _, plain = SparseSampler.execute(*arguments, sparse_plan=loaded).result
    _, stats = SparseSampler.execute(*arguments, adapt=True, sparse_plan=loaded).result
    assert "fewer tokens than min tokens" in stats and "the plan was not adapted" in stats
    assert "adapted" not in plain
