# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A search with a pipeline as its host: what it measures, what it gives, what it leaves behind, what it refuses."""

import json
import threading

import numpy as np
import pytest
import tiny_picture_pipelines as pictures
import tiny_pipelines as pipelines
import tiny_plans as plans
import torch
from test_apply_plan_families import everything_of, same
from tiny_pipelines import STEPS
from tiny_transformers import TINY, noise

import twill_vdit.diffusers
from twill_vdit import Error, native, running, search
from twill_vdit.diffusers import Cancelled, search_plan
from twill_vdit.diffusers.searching import gains, searching, watching
from twill_vdit.diffusers.searching.gains import head_gains
from twill_vdit.diffusers.searching.searching import psnr_db

pytestmark = pytest.mark.skipif(native.binary is None, reason=f"no binary module: {native.why_not}")
SEED = 5  # of the clips of tiny_pipelines


def given(pipe):
    """(the prompt, the rest of the call) of a tiny pipeline."""
    of_prompt = ("embed", "mask", "prompt")
    prompt = {name: value for name, value in pipe.given.items() if any(part in name for part in of_prompt)}
    return prompt, {name: value for name, value in pipe.given.items() if name not in prompt}


def searched(pipe, prompts=1, **more):
    prompt, call = given(pipe)
    options = {"density": 0.5, "points": 2, "seed": SEED, "stripes": False, **more}
    options["call"] = {**call, "num_inference_steps": STEPS, **options.get("call", {})}
    return search_plan(pipe.pipeline, [prompt] * prompts, **options)


def shown_by_hand(pipe, found):
    """A profile of the same clip, whose q, k and v are taken from diffusers' own modules and counted here."""
    case, experts = pipe.case, found.plan.model.experts
    profile, layers, in_clip = found.profile, pipe.case.layers, pipe.batch if pipe.case.one_by_one else 1
    of_step = layers * in_clip * pipe.forwards
    times = profile.run.t
    shown = {times.index(t): index for index, t in enumerate(profile.native.t)}
    layout = plans.layout_of(case)
    boundary = pipe.pipeline.config.boundary_ratio if len(experts) > 1 else None
    profiler = search.Profiler(
        found.plan.model,
        layout,
        t=profile.native.t,
        prompts=profile.native.prompts,
        seeds=[SEED],
        run=profile.run,
        expert_boundary=boundary,
        map_size=profile.maps.shape[-1],
    )
    count = 0
    sites = [(stack, layer) for stack, length in enumerate(case.stacks.values()) for layer in range(length)]

    def attend(layer, q, k, v):
        nonlocal count
        step, forward = count // of_step, count % of_step // (layers * in_clip)
        count += 1
        if step in shown:
            halves = [(1, slice(0, 1)), (0, slice(1, 2))] if pipe.batch == 2 else [(forward, slice(0, 1))]
            for branch, rows in halves:
                part = running.AttentionCall(q[rows], k[rows], v[rows])
                stack, at = sites[layer]
                place = {"stack": stack, "layer": at, "branch": branch, "t_index": shown[step]}
                expert = 0 if boundary is None or times[step] >= boundary else 1
                tokens = layout.frames * layout.rows * layout.cols
                gain = head_gains(part, layout.prefix, tokens, None, 0)
                profiler.observe(q[rows], k[rows], v[rows], gain, expert=expert, **place)
            if count % of_step == 0:
                profiler.finish_unit(shown[step])
        return torch.nn.functional.scaled_dot_product_attention(q, k, v)

    with plans.in_the_processors(case, attend):
        pipe()
    return profiler.finish()


PIPELINES = {
    "wan": pipelines.wan,
    "wan_with_two_experts": lambda: pipelines.wan(experts=2),
    "cogvideox_with_text_in_front": pipelines.cogvideox,
    "hunyuan_video_with_padded_text_and_two_stacks": pipelines.hunyuan_video,
    "cosmos_predict25_whose_scheduler_says_sigmas": pictures.cosmos_predict25,
}


@pytest.mark.parametrize("make", PIPELINES.values(), ids=PIPELINES)
def test_what_is_measured_is_what_the_model_computes_and_in_its_place(make, monkeypatch):
    # Blocks are not looked into by hand; test_gains.py is about them.
    monkeypatch.setattr(searching, "can_ask", lambda *_: False)
    monkeypatch.setattr(watching, "can_ask", lambda *_: False)
    pipe = make()
    found = searched(pipe)
    assert found.plan.provenance["gain"] == gains.BY_OUTPUT
    by_hand = shown_by_hand(pipe, found)
    profile = found.profile
    assert profile.native.layout == by_hand.native.layout
    # [experts * heads, ...] over all layers: what is not in its place differs.
    assert np.abs(profile.maps.astype(int) - by_hand.maps.astype(int)).max() <= 1
    times, experts = profile.run.t, len(found.plan.model.experts)
    options = {"expert_at": None if experts == 1 else [int(t < 0.875) for t in times]}
    solvers = [search.Solver(each, times, **options) for each in (profile, by_hand)]
    fronts = [np.array(solver.pareto_front()) for solver in solvers]
    np.testing.assert_allclose(*fronts, rtol=1e-3)
    segments = [json.loads(solver.solve(0.5).plan.text)["segments"] for solver in solvers]
    assert segments[0] == segments[1]
    assert not np.array_equal(profile.maps[0], profile.maps[1])


def test_a_plan_meets_its_density_where_it_runs():
    pipe = pipelines.wan()
    found = searched(pipe, stripes=True, name="mine")
    assert found.density == pytest.approx(0.5, abs=0.03) and found.density <= 0.5 + 1e-9
    assert (found.plan.name, found.plan.model.family) == ("mine", "wan2.1-t2v")
    assert found.plan.provenance["gain"] == gains.BY_STREAM
    with twill_vdit.diffusers.apply_plan(pipe.pipeline, found.plan) as applied:
        assert pipe().isfinite().all()
        report = applied.report()
    assert report.sparse > 0 and not report.fallbacks and not report.notes
    assert report.density == pytest.approx(found.density, abs=1e-6)


def test_a_plan_and_its_profile_are_saved(tmp_path):
    found = searched(pipelines.wan())
    found.save(tmp_path / "plan.json")
    again = twill_vdit.read_plan(tmp_path / "plan.json")
    profile = search.profile_of(again)
    assert profile is not None and np.array_equal(profile.maps, found.profile.maps)
    assert profile.run.sampler == "UniPCMultistepScheduler" and profile.run.shift == 3.0 and profile.run.steps == STEPS


class StopAfter:
    """An event that is set after so many questions."""

    def __init__(self, questions):
        self.left = questions

    def is_set(self):
        self.left -= 1
        return self.left < 0


def traces(pipe):
    pipeline = pipe.pipeline
    of_pipeline = {name: value for name, value in vars(pipeline).items() if not isinstance(value, torch.nn.Module)}
    modules = [pipeline.transformer, getattr(pipeline, "transformer_2", None)]
    return [of_pipeline, dict(vars(pipeline.scheduler)), *(everything_of(each) for each in modules if each is not None)]


def assert_no_trace(pipe, before):
    for one, other in zip(before, traces(pipe), strict=True):
        assert one.keys() == other.keys()
        assert [key for key, value in one.items() if other[key] is not value and not same(other[key], value)] == []


def observed(monkeypatch):
    """Units that are finished from now on."""
    units = []
    finish = search.SearchRun.finish_unit

    def counted(run, t_index, seconds):
        units.append(t_index)
        finish(run, t_index, seconds)

    monkeypatch.setattr(search.SearchRun, "finish_unit", counted)
    return units


def test_a_search_that_was_stopped_goes_on_with_what_was_measured(monkeypatch, tmp_path):
    expected = searched(pipelines.wan(), points=STEPS)
    pipe = pipelines.wan()
    pipe()
    before, units = traces(pipe), observed(monkeypatch)
    # One question before the probe, then one for each call; the second step has begun.
    with pytest.raises(Cancelled):
        searched(pipe, points=STEPS, resume=tmp_path, stop=StopAfter(1 + pipe.forwards * pipe.case.layers + 2))
    assert_no_trace(pipe, before)
    assert len(units) == 1
    found = searched(pipe, points=STEPS, resume=tmp_path)
    assert_no_trace(pipe, before)
    assert sorted(units) == list(range(STEPS)), "each unit is measured once"
    assert found.plan.text == expected.plan.text
    units.clear()
    assert searched(pipe, points=STEPS, resume=tmp_path, density=0.7).density > found.density
    assert units == [], "another density wants no clip"
    searched(pipe, points=STEPS, resume=tmp_path, call={"guidance_scale": 4.0})
    assert len(units) == STEPS, "clips of another guidance are others"


def test_a_stop_may_be_a_function_and_is_not_an_error():
    with pytest.raises(Cancelled) as stopped:
        searched(pipelines.wan(), stop=lambda: True)
    assert not isinstance(stopped.value, Error)
    searched(pipelines.wan(), stop=threading.Event())


def test_progress_says_what_is_done():
    told = []
    searched(pipelines.wan(), prompts=2, stripes=True, points=STEPS, progress=told.append)
    steps = search.map_steps(STEPS)
    stages = ["attention maps", "profile prompt 1 of 2", "profile prompt 2 of 2"]
    expected = [
        (stage, done, total)
        for stage, total in zip(stages, (steps, STEPS, STEPS), strict=True)
        for done in range(total + 1)
    ]
    assert [(each.stage, each.done, each.total) for each in told] == expected
    assert told[0].seconds <= told[-1].seconds


def test_a_prompt_with_more_text_than_another_is_searched_too():
    pipe = pipelines.hunyuan_video()
    prompt, call = given(pipe)
    longer = {**prompt, "prompt_attention_mask": (torch.arange(24) < 19).long()[None]}
    call["num_inference_steps"] = STEPS
    found = search_plan(pipe.pipeline, [longer, prompt], density=0.5, points=2, stripes=False, call=call)
    assert found.profile.native.layout[-1] == 11


def test_a_compiled_transformer_is_searched_as_it_was_written():
    plain = searched(pipelines.wan())
    pipe = pipelines.wan()
    pipe.pipeline.transformer.compile_repeated_blocks(backend="aot_eager")
    assert searched(pipe).plan.text == plain.plan.text


class TinyVae(torch.nn.Module):
    """Latents as colours."""

    device, dtype = torch.device("cpu"), torch.float32

    def __init__(self):
        super().__init__()
        self.config = type("Config", (), {"z_dim": 4, "latents_mean": [0.0] * 4, "latents_std": [1.0] * 4})

    def decode(self, latents, return_dict=False):
        return (latents[:, :3].tanh(),)


def with_vae(pipe):
    pipe.pipeline.vae = TinyVae()
    return pipe


def test_the_least_plan_of_a_psnr_is_found_by_clips():
    pipe = with_vae(pipelines.wan())
    pipe()  # what diffusers itself leaves behind is there
    before = traces(pipe)
    found = searched(pipe, min_psnr=15.0, density=None)
    assert_no_trace(pipe, before)
    assert found.tries and found.measured >= 15.0
    frames = []
    for plan in (None, found.plan):
        applied = None if plan is None else twill_vdit.diffusers.apply_plan(pipe.pipeline, plan)
        frames.append(pipe(output_type="np"))
        if applied is not None:
            applied.remove()
    assert found.measured == pytest.approx(psnr_db(*frames), abs=1e-6)


def test_psnr_is_that_of_8_bit_rgb():
    one = np.zeros((2, 4, 4, 3))
    other = one.copy()
    other[0, 0, 0, 0] = 0.5  # 128 of 255
    assert psnr_db(one, other) == pytest.approx(10 * np.log10(255**2 / (128**2 / one.size)))
    assert psnr_db(one, one + 0.001) == float("inf")


def test_the_best_plan_of_a_speed_is_found_by_clips(monkeypatch):
    """Clips of this size take as long by any plan: here a clip takes as long as the density that it ran at says."""
    pipe = pipelines.wan()

    def seconds(searching, plan, stage):
        if plan is None:
            return 1.0
        with twill_vdit.diffusers.apply_plan(pipe.pipeline, plan) as applied:
            pipe()
            return applied.report().density

    monkeypatch.setattr(searching.Searching, "_seconds", seconds)
    found = searched(pipe, min_speedup=1.5, density=None)
    assert found.measured >= 1.5 and found.tries
    assert found.density == pytest.approx(1 / found.measured, abs=1e-6)


def test_a_share_of_attentions_time_is_solved_for_with_times_of_its_own():
    found = searched(pipelines.wan(), density=None, attention_share=0.9)
    assert found.attention_share <= 0.9 + 1e-9 and found.profile.costs is not None


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"density": None}, "give exactly one of density, attention_share, min_psnr, min_speedup (given: none)"),
        ({"min_psnr": 30.0}, "(given: density 0.5, min_psnr 30)"),
        ({"density": None, "min_psnr": 30.0}, "min_psnr compares frames; the pipeline has no VAE"),
        ({"density": 1.5}, "1.5"),
        ({"call": {"output_type": "pil"}}, "call: output_type is not to be given"),
        ({"call": {"generator": None}}, "say seed="),
    ],
)
def test_what_cannot_be_searched_for_is_refused(more, text):
    with pytest.raises(Error) as refused:
        searched(pipelines.wan(), **more)
    assert text in str(refused.value)


def test_prompts_are_a_list():
    with pytest.raises(Error, match="prompts 'a red ball' is no list of prompts"):
        search_plan(pipelines.wan().pipeline, "a red ball", density=0.5)


def test_a_transformer_alone_makes_no_clips():
    with pytest.raises(Error, match="wants a pipeline, which makes clips; WanTransformer3DModel is a transformer"):
        search_plan(TINY["wan"].made(), ["a red ball"], density=0.5)


def test_a_family_without_a_layout_is_refused():
    pipe = pipelines.wan()
    pipe.pipeline.transformer = torch.nn.Linear(2, 2)
    with pytest.raises(Error, match="Twill knows no token layout of Linear; it cannot search for it"):
        searched(pipe)


def test_a_plan_on_the_pipeline_is_refused():
    pipe = pipelines.wan()
    with (
        twill_vdit.diffusers.apply_plan(pipe.pipeline, plans.plan_for(pipe.case)),
        pytest.raises(Error, match='the plan "made by a test" is on this pipeline; remove it before a search'),
    ):
        searched(pipe)


def test_attention_that_is_not_seen_is_an_error_that_names_the_class():
    pipe = pipelines.wan()

    class Own:
        _attention_backend = _parallel_config = None

        def __call__(self, attn, hidden_states, *args, **kwargs):
            return hidden_states

    for block in pipe.pipeline.transformer.blocks:
        block.attn1.processor = Own()
    pipe()
    before = traces(pipe)
    with pytest.raises(Error, match="no self-attention was seen in the first forward of WanTransformer3DModel"):
        searched(pipe)
    assert_no_trace(pipe, before)


def test_forwards_that_a_cache_leaves_out_are_not_measured():
    import diffusers

    pipe = pipelines.wan()
    pipe.pipeline.transformer.enable_cache(diffusers.FirstBlockCacheConfig(threshold=1e6))
    with pytest.raises(Error, match="was not computed whole, as caches leave out blocks and forwards"):
        searched(pipe, points=STEPS)


def test_an_error_of_the_pipelines_is_raised_and_leaves_no_trace():
    pipe = pipelines.wan()
    pipe()
    before = traces(pipe)
    prompt, call = given(pipe)
    with pytest.raises(RuntimeError):
        search_plan(pipe.pipeline, [{**prompt, "prompt_embeds": noise(1, 512, 17)}], density=0.5, call=call)
    assert_no_trace(pipe, before)
