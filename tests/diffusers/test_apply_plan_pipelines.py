# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Plans in whole pipelines: runs, steps, experts, guidance, reports, and what is refused."""

import logging
import threading

import diffusers
import pytest
import tiny_pipelines as pipelines
import tiny_plans as plans
import tiny_transformers as tiny
import torch
from tiny_picture_pipelines import PICTURE_PIPELINES
from tiny_pipelines import PIPELINES, STEPS
from tiny_transformers import TINY, run

import twill_vdit.diffusers
from tolerance import assert_as_exact_as_torch
from twill_vdit import running, search

EVERY = {**PIPELINES, **PICTURE_PIPELINES}
EVERY_PIPELINE = pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
BOUNDARY = 0.8  # plans here are dense above


def calls_of(pipe, steps=STEPS):
    return steps * pipe.forwards * pipe.case.layers * (pipe.batch if pipe.case.one_by_one else 1)


@EVERY_PIPELINE
def test_a_dense_plan_is_the_pipelines_own_result(make):
    pipe = make()
    expected = pipe()
    with twill_vdit.diffusers.apply_plan(pipe.pipeline, plans.dense_plan(pipe.case)) as applied:
        assert torch.equal(pipe(), expected)
        assert applied.report().dense == {running.BY_PLAN: calls_of(pipe)}
    assert torch.equal(pipe(), expected)


@EVERY_PIPELINE
def test_a_plan_follows_the_schedulers_own_t(make):
    """Segments begin and end where the pipeline's timesteps say; the oracle is told them by the network's input."""
    pipe = make()
    case = pipe.case
    given = []
    hook = pipe.pipeline.transformer.register_forward_pre_hook(
        lambda module, args, kwargs: given.append(kwargs["timestep"].max().item()), with_kwargs=True
    )
    with twill_vdit.diffusers.apply_plan(pipe.pipeline, plans.plan_for(case, dense_above=BOUNDARY)) as applied:
        out = pipe()
        report = applied.report()
    hook.remove()
    clean, noise = (float(case.timestep(t)) for t in (0.0, 1.0))
    times = [(timestep - clean) / (noise - clean) for timestep in given]
    per_forward = calls_of(pipe, 1) // pipe.forwards
    assert report.sparse == sum(t <= BOUNDARY for t in times) * per_forward > 0
    assert report.dense == {running.BY_PLAN: sum(t > BOUNDARY for t in times) * per_forward}
    assert (report.forwards, report.highest_t) == (STEPS * pipe.forwards, pytest.approx(max(times), abs=1e-6))
    assert report.lowest_t == pytest.approx(min(times), abs=1e-6)

    def oracle(dtype):
        by_definition, step = plans.by_definition(case, dtype=dtype), iter(range(10**6))

        def attend(layer, q, k, v):
            if times[next(step) // per_forward] > BOUNDARY:
                return torch.nn.functional.scaled_dot_product_attention(q, k, v)
            return by_definition(layer, q, k, v)

        with plans.in_the_processors(case, attend, pipe.batch):
            return pipe()

    exact, in_torch = oracle(torch.float64).double(), oracle(torch.float32)
    assert_as_exact_as_torch(out, exact, in_torch, factor=10.0, rounds_to=case.rounds_to)


def test_the_two_experts_of_a_pipeline_run_by_their_own_parts_of_a_plan():
    pipe = pipelines.wan(experts=2)
    names = [plans.HEADS_OF_LAYERS[:2], [["only_itself", "skip"], ["mean", "first_frame"]]]
    plan = plans.plan_for(pipe.case, names, experts=("high_noise", "low_noise"))
    results = []
    for part in (0, 1):  # what each transformer alone makes of its expert
        transformer = (pipe.pipeline.transformer, pipe.pipeline.transformer_2)[part]
        expert = plan.model.experts[part]
        with twill_vdit.diffusers.apply_plan(transformer, plan, expert=expert):
            results.append(run(transformer, pipe.case.given()))
        one = plans.plan_for(pipe.case, [names[part]])
        with twill_vdit.diffusers.apply_plan(transformer, one):
            assert torch.equal(run(transformer, pipe.case.given()), results[part])
    assert not torch.allclose(*results)
    with twill_vdit.diffusers.apply_plan(pipe.pipeline, plan) as applied:
        pipe()
        report = applied.report()
        assert torch.equal(run(pipe.pipeline.transformer, pipe.case.given()), results[0])
        assert torch.equal(run(pipe.pipeline.transformer_2, pipe.case.given()), results[1])
    assert report.sparse == calls_of(pipe) and "experts high_noise, low_noise" in report.settings


def test_each_run_has_its_own_report():
    pipe = pipelines.wan()
    with twill_vdit.diffusers.apply_plan(pipe.pipeline, plans.plan_for(pipe.case)) as applied:
        assert applied.report().calls == 0
        pipe()
        first = applied.report()
        pipe(num_inference_steps=STEPS + 2)
        second = applied.report()
    assert (first.sparse, second.sparse) == (calls_of(pipe), calls_of(pipe, STEPS + 2))
    assert f"{calls_of(pipe)} of {calls_of(pipe)} self-attention calls ran sparse" in first.text()
    assert first.clip == "3x8x12 tokens" and first.plan == "made by a test" and not first.warning()


def test_several_videos_of_a_prompt_are_one_batch():
    pipe = pipelines.wan(num_videos_per_prompt=2)
    with twill_vdit.diffusers.apply_plan(pipe.pipeline, plans.plan_for(pipe.case)) as applied:
        out = pipe()
        assert out.shape[0] == 2 and applied.report().sparse == calls_of(pipe)


def test_pipelines_one_after_another_and_two_at_once_do_not_see_each_other():
    one, other = pipelines.wan(), pipelines.hunyuan_video()
    plain = one()
    with twill_vdit.diffusers.apply_plan(one.pipeline, plans.plan_for(one.case)) as applied:
        alone = one()
        assert torch.equal(pipelines.wan()(), plain), "a pipeline without a plan has changed"
        with twill_vdit.diffusers.apply_plan(other.pipeline, plans.plan_for(other.case)) as of_other:
            results = {}
            threads = [
                threading.Thread(target=lambda pipe=pipe, name=name: results.update({name: pipe()}))
                for name, pipe in (("one", one), ("other", other))
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert torch.equal(results["one"], alone) and torch.equal(results["other"], other())
            assert of_other.report().sparse == calls_of(other)
        assert applied.report().sparse == calls_of(one)


def test_of_two_plans_the_later_holds():
    pipe = pipelines.wan()
    plain = pipe()
    earlier = twill_vdit.diffusers.apply_plan(pipe.pipeline, plans.plan_for(pipe.case))
    sparse = pipe()
    later = twill_vdit.diffusers.apply_plan(pipe.pipeline, plans.dense_plan(pipe.case))
    assert torch.equal(pipe(), plain) and not torch.equal(plain, sparse)
    earlier.remove()
    assert later.report().dense == {running.BY_PLAN: calls_of(pipe)}
    later.remove()
    assert torch.equal(pipe(), plain)


def test_an_error_of_ours_makes_the_rest_dense_and_is_told(monkeypatch, caplog):
    pipe = pipelines.wan()
    plain = pipe()

    def fail(*args):
        raise RuntimeError("planted")

    monkeypatch.setattr(running.Run, "attend", fail)
    with twill_vdit.diffusers.apply_plan(pipe.pipeline, plans.plan_for(pipe.case)) as applied:
        with caplog.at_level(logging.WARNING, logger="twill_vdit"):
            assert torch.equal(pipe(), plain)
        report = applied.report()
    assert report.sparse == 0 and "sparse attention failed (RuntimeError: planted)" in report.warning()
    told = [record.message for record in caplog.records if "planted" in record.message]
    assert len(told) == 1, "a reason is told once"


def test_an_error_of_the_pipelines_is_raised_and_leaves_no_forward_behind():
    pipe = pipelines.wan()
    with twill_vdit.diffusers.apply_plan(pipe.pipeline, plans.plan_for(pipe.case)) as applied:
        with pytest.raises(RuntimeError):
            pipe(prompt_embeds=torch.zeros(1, 512, 17))
        assert running.current() is None
        pipe()
        assert applied.report().sparse == calls_of(pipe)


def plan_with_profile(case, times=(0.99, 0.6, 0.2), experts=("default",)):
    if not twill_vdit.has_binary():
        pytest.skip(f"profiles are measured by the binary module: {twill_vdit.why_no_binary()}")
    layout, heads = plans.layout_of(case), tiny.HEADS
    boundary = 0.875 if len(experts) > 1 else None
    names = [plans.HEADS_OF_LAYERS[:2]] * len(experts)
    model = plans.plan_for(case, names, experts=experts).model
    profiler = search.Profiler(model, layout, t=times, prompts=["made"], rows=32, expert_boundary=boundary)
    for t_index in range(len(times)):
        for layer in range(case.layers):
            q, k, v = (tiny.noise(1, heads, layout.tokens, tiny.HEAD_DIM, seed=9 * layer + n) for n in range(3))
            expert = 0 if boundary is None or times[t_index] >= boundary else 1
            profiler.observe(q, k, v, torch.ones(heads), t_index=t_index, layer=layer, expert=expert)
        profiler.finish_unit(t_index)
    options = {"dense_first_steps": 0, "dense_last_steps": 0, "attach_profile": True}
    if boundary is not None:
        options["expert_at"] = [int(t < boundary) for t in times]
    return search.Solver(profiler.finish(), times, **options).solve(0.6).plan


def test_a_plan_is_fitted_to_the_clip():
    pipe = pipelines.wan()
    plan = plan_with_profile(pipe.case)
    with twill_vdit.diffusers.apply_plan(pipe.pipeline, plan, adapt=True) as applied:
        plain = pipe(num_inference_steps=8)
        report = applied.report()
        assert torch.equal(pipe(num_inference_steps=8), plain), "the next clip is fitted from the start"
    assert "the plan was adapted to this clip after steps 1" in report.adapted
    assert "the plan, fitted to each clip" in report.settings and not report.notes
    assert report.calls == calls_of(pipe, 8)


@pytest.mark.parametrize("experts", [1, 2])
def test_speed_quality_solves_the_plan_anew_for_the_run(experts):
    pipe = pipelines.wan(experts=experts)
    plan = plan_with_profile(pipe.case, experts=("default",) if experts == 1 else ("high_noise", "low_noise"))
    ran = {}
    for wish in (0.0, 0.25, 0.5, 0.75, 1.0):
        with twill_vdit.diffusers.apply_plan(pipe.pipeline, plan, speed_quality=wish) as applied:
            assert pipe(num_inference_steps=8).isfinite().all()
            report = applied.report()
        assert report.calls == calls_of(pipe, 8) and not report.fallbacks
        ran[wish] = report
    densities = [report.density for report in ran.values()]
    assert densities == sorted(densities) and densities[0] < densities[2] < densities[-1] == 1.0
    assert "speed-quality 0.25: solved again for density" in ran[0.25].settings
    assert "the plan as it is" in ran[0.5].settings and "speed-quality 1: dense" in ran[1.0].settings


def test_speed_quality_without_a_profile_or_steps_says_why_it_changes_nothing():
    pipe = pipelines.wan()
    cases = [
        (pipe.pipeline, plans.plan_for(pipe.case), "speed-quality 0.2: the plan has no profile, so it holds as it is"),
        (pipe.pipeline.transformer, plan_with_profile(pipe.case), "speed-quality 0.2: nobody says the steps"),
    ]
    for target, plan, text in cases:
        with twill_vdit.diffusers.apply_plan(target, plan, speed_quality=0.2) as applied:
            pipe()
            report = applied.report()
        assert text in report.settings and report.calls == calls_of(pipe) and report.sparse > 0
    with pytest.raises(twill_vdit.Error, match=r"^speed_quality 1\.5 is not within 0\.\.1$"):
        twill_vdit.diffusers.apply_plan(pipe.pipeline, plans.plan_for(pipe.case), speed_quality=1.5)


def test_a_cache_ends_the_fitting_where_it_leaves_out_what_would_be_measured():
    pipe = pipelines.wan()
    plan = plan_with_profile(pipe.case)
    pipe.pipeline.transformer.enable_cache(diffusers.FirstBlockCacheConfig(threshold=1e6))
    with twill_vdit.diffusers.apply_plan(pipe.pipeline, plan, adapt=True) as applied:
        assert pipe(num_inference_steps=8).isfinite().all()
        report = applied.report()
    assert report.sparse > 0 and any("The plan was adapted no further" in note for note in report.notes)


@pytest.mark.parametrize(
    ("plan", "text"),
    [
        pytest.param(plans.plan_for, "not adapted: the plan has no profile", id="no_profile"),
        pytest.param(plan_with_profile, "not adapted: nobody says the steps", id="a_transformer_alone"),
    ],
)
def test_why_a_plan_is_not_fitted_is_said(plan, text):
    pipe = pipelines.wan()
    target = pipe.pipeline if plan is plans.plan_for else pipe.pipeline.transformer
    with twill_vdit.diffusers.apply_plan(target, plan(pipe.case), adapt=True) as applied:
        pipe()
        assert text in applied.report().settings


@pytest.mark.parametrize(
    ("change", "text"),
    [
        pytest.param({"family": "mochi-1"}, 'the plan "made by a test" is for mochi-1, not for Wan', id="family"),
        pytest.param(
            {"head_dim": 32},
            'the plan "made by a test" is for 2 layers x 2 heads x 32, this model has 2 layers x 2 heads x 16',
            id="head_dim",
        ),
    ],
)
def test_a_plan_for_another_model_is_refused(change, text):
    import json

    pipe = pipelines.wan()
    plan = json.loads(plans.plan_for(pipe.case).text)
    plan["model"] |= change
    with pytest.raises(twill_vdit.Error) as refused:
        twill_vdit.diffusers.apply_plan(pipe.pipeline, twill_vdit.parse_plan(json.dumps(plan)))
    assert str(refused.value) == text
    assert not pipe.pipeline.transformer._forward_pre_hooks


def test_auto_takes_the_packages_plan_for_the_model_or_says_that_there_is_none():
    pipe = pipelines.wan()
    with pytest.raises(twill_vdit.Error, match=r"^the package has no plan for wan2\.1-t2v of 2 layers x 2 heads x 16$"):
        twill_vdit.diffusers.apply_plan(pipe.pipeline, "auto")


@pytest.mark.parametrize(
    ("change", "weights", "experts", "plan"),
    [
        pytest.param({"num_layers": 30, "num_attention_heads": 12}, "", 1, "wan2.1-t2v/1.3b-balanced", id="wan_1.3b"),
        pytest.param({"num_layers": 40, "num_attention_heads": 40}, "", 1, "wan2.1-t2v/14b-balanced", id="wan_14b"),
        pytest.param(
            {"num_layers": 40, "num_attention_heads": 40}, "", 2, "wan2.2-t2v/a14b-balanced", id="two_experts"
        ),
        pytest.param(
            {"num_layers": 40, "num_attention_heads": 40, "in_channels": 36},
            "Wan-AI/Wan2.2-I2V-A14B-Diffusers",
            2,
            "wan2.2-i2v/a14b-balanced",
            id="two_experts_with_an_image",
        ),
        pytest.param(
            {"num_layers": 40, "num_attention_heads": 40, "in_channels": 36, "image_dim": 1280},
            "",
            1,
            "wan2.1-i2v/14b-balanced",
            id="image_encoder",
        ),
        pytest.param(
            {"num_layers": 30, "num_attention_heads": 24, "in_channels": 48, "out_channels": 48},
            "",
            1,
            "wan2.2-ti2v/5b-balanced",
            id="wan_5b",
        ),
    ],
)
def test_auto_tells_models_of_one_shape_apart(change, weights, experts, plan):
    import diffusers

    from twill_vdit.diffusers.networks import WAN
    from twill_vdit.diffusers.presets import preset_for

    config = {"in_channels": 16, "ffn_dim": 8, "text_dim": 8, "freq_dim": 8, **change}
    with torch.device("meta"):
        transformer = diffusers.WanTransformer3DModel(**config)
    assert preset_for(WAN, transformer, experts, weights).name == plan


def test_a_plan_for_two_experts_asks_which_one_a_transformer_is():
    case = TINY["wan"]
    plan = plans.plan_for(case, [plans.HEADS_OF_LAYERS[:2]] * 2, experts=("high_noise", "low_noise"))
    with pytest.raises(twill_vdit.Error, match='say which one this is, expert="high_noise" or "low_noise"'):
        twill_vdit.diffusers.apply_plan(case.made(), plan)
    with pytest.raises(twill_vdit.Error, match='expert "middle": the plan has high_noise, low_noise'):
        twill_vdit.diffusers.apply_plan(case.made(), plan, expert="middle")


def test_what_is_no_pipeline_that_plans_know_is_refused_by_name():
    with pytest.raises(twill_vdit.Error, match="Twill knows no token layout of Linear"):
        twill_vdit.diffusers.apply_plan(torch.nn.Linear(1, 1), "auto")


def test_without_diffusers_the_module_can_be_imported_and_says_what_is_missing(monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(twill_vdit.Error, match="diffusers is not installed: pip install diffusers"):
        twill_vdit.diffusers.apply_plan(object(), "auto")
