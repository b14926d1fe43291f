# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Search Plan's work on small random models: gains by their definition, plans that fit, stopping and going on."""

import comfy.samplers
import folder_paths
import pytest
import torch
from made_plans import relative
from small_models import CASES, TEXT, build, normal, sample
from twill_pack.twill_nodes import plan_store, plan_text
from twill_pack.twill_nodes.patch.apply import apply_plan, patch_of
from twill_pack.twill_nodes.search import plan_search
from twill_pack.twill_nodes.search.clips import Clips
from twill_pack.twill_nodes.search.request import SearchRequest, SearchStoppedError, Target, Try, Wish
from twill_pack.twill_nodes.settings import Settings

import twill_vdit
import twill_vdit.search


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "get_user_directory", lambda: str(tmp_path / "user"))
    monkeypatch.setattr(plan_store, "own_folder", lambda: tmp_path / "plans")


def request(case, model, **more) -> SearchRequest:
    prompts = [[[normal(20 + i, 1, TEXT, case.text_dim), case.cond()]] for i in range(2)]
    values = {
        "model": model,
        "low_noise": None,
        "boundary": 0.9,
        "positives": (prompts[0],),
        "negative": prompts[1],
        "latent": {"samples": torch.zeros(1, *case.latent)},
        "seed": 5,
        "steps": 4,
        "cfg": 1.0,
        "sampler_name": "euler",
        "scheduler": "simple",
        "target": Target(Wish.DENSITY, 0.6),
        "points": 3,
        "minutes": 0.0,
        "name": "found",
        "stripes": False,
        **more,
    }
    return SearchRequest(**values)


def search_of(result):
    return twill_vdit.search.profile_of(result.loaded.plan)


def search(case, model, tell=lambda progress: None, **more):
    return plan_search.PlanSearch(request(case, model, **more), tell).run()


@pytest.mark.parametrize("name", ["wan_t2v", "wan_vace", "hunyuan_video", "mochi", "cosmos_1", "kandinsky5"])
def test_a_found_plan_fits_and_runs(name):
    case = CASES[name]
    model = build(case)
    shown = []
    result = search(case, model, shown.append)
    assert result.file.is_file() and result.density <= 0.6 + 1e-9
    assert [progress.done for progress in shown] == [1, 2, 3, 4]
    assert shown[-1].maps.shape == (sum(layers * heads for layers, heads in case.stacks), 52, 52)
    loaded = plan_store.LoadedPlan("found", str(result.file), (0, 0), result.loaded.plan)
    patched, why = apply_plan(model, loaded, Settings(min_tokens=0))
    assert why == ""
    sample(patched, case)
    assert patch_of(patched).report.fallbacks == {}


def test_what_int8_loses_is_measured_where_the_device_computes_so(monkeypatch):
    case = CASES["wan_t2v"]
    assert search_of(search(case, build(case), name="not here")).int8_error is None
    monkeypatch.setattr(twill_vdit, "has_int8_kernel", lambda device, dtype, head_dim: True)
    result = search(case, build(case), name="here")
    assert search_of(result).int8_error is not None
    int8, with_keys = result.loaded.plan.precision_counts()
    assert int8 > 0 and f"int8: {int8} of {with_keys} heads" in plan_text.describe(result.loaded)
    assert search_of(search(case, build(case), name="not asked", int8=False)).int8_error is None


def plan_run(result):
    """What the plan's file says of its run, as it is read again."""
    plan = twill_vdit.read_plan(result.file)
    assert plan.facts is not None and not {"steps", "sampler", "scheduler", "shift", "budget"} & plan.provenance.keys()
    return plan.solved_for


@pytest.mark.parametrize("scheduler", comfy.samplers.SCHEDULER_NAMES)
def test_a_plan_opens_with_the_times_of_every_scheduler(scheduler):
    case = CASES["wan_t2v"]
    planned = plan_search.PlanSearch(request(case, build(case), scheduler=scheduler), lambda progress: None)
    result = planned.run()
    run = plan_run(result)
    assert (run.sampler, run.scheduler, run.steps) == ("euler", scheduler, 4)
    assert list(run.t) == pytest.approx(planned.times)
    assert search_of(result).run.t == run.t


# They choose their own times, whatever the schedule says.
NOT_FOLLOWED = ("dpm_fast", "dpm_adaptive")


@pytest.mark.parametrize("sampler", comfy.samplers.SAMPLER_NAMES)
def test_a_plan_of_every_sampler_opens_with_its_steps_or_is_refused(sampler):
    case = CASES["wan_t2v"]
    if sampler in NOT_FOLLOWED:
        with pytest.raises(twill_vdit.Error, match="the sampler runs no forward at t"):
            search(case, build(case), sampler_name=sampler, points=2)
        return
    run = plan_run(search(case, build(case), sampler_name=sampler, points=2))
    assert (run.sampler, run.scheduler, run.steps, len(run.t)) == (sampler, "simple", 4, 4)


def test_a_plan_of_a_model_without_a_shift_says_none(monkeypatch):
    case = CASES["wan_t2v"]
    monkeypatch.setattr(plan_search, "shift_of", lambda sampling: None)
    assert plan_run(search(case, build(case))).shift is None


def test_the_clip_is_the_samplers(monkeypatch):
    case = CASES["wan_t2v"]
    model = build(case)
    import nodes as core

    asked = request(case, model)
    (expected,) = core.common_ksampler(
        model, asked.seed, asked.steps, asked.cfg, "euler", "simple", asked.positives[0], asked.negative, asked.latent
    )
    assert torch.equal(search(case, model).latent["samples"], expected["samples"])


def test_guidance_measures_both_branches():
    case = CASES["wan_t2v"]
    alone = search(case, build(case)).loaded.profile()
    both = search(case, build(case), cfg=3.0, name="both").loaded.profile()
    assert alone.native.t == both.native.t
    assert (alone.maps != both.maps).any()


class PlantedError(Exception):
    pass


def test_an_interrupted_search_goes_on_and_finds_the_same():
    case = CASES["wan_t2v"]
    model = build(case)
    straight = search(case, model).loaded.plan

    def stop_at_two(progress):
        if progress.done == 2:
            raise PlantedError

    with pytest.raises(PlantedError):
        search(case, model, stop_at_two, seed=6)
    going_on = plan_search.PlanSearch(request(case, model, seed=6), lambda progress: None)
    resumed = going_on.run().loaded.plan
    assert going_on.resumed >= 1
    whole = search(case, build(case), seed=6, name="again", points=3).loaded.plan
    assert resumed.patterns == whole.patterns and resumed.segments == whole.segments
    assert resumed.text != straight.text


def test_hooks_and_overrides_are_gone_after_a_search():
    case = CASES["hunyuan_video"]
    model = build(case)
    dense = sample(model, case)
    search(case, model)
    assert torch.equal(sample(model, case), dense)
    network = model.model.diffusion_model
    assert not any(b._forward_pre_hooks for b in (*network.double_blocks, *network.single_blocks))


def test_a_broken_weight_is_told_with_the_step():
    case = CASES["wan_t2v"]
    model = build(case)
    model.model.state_dict()["diffusion_model.blocks.1.ffn.0.weight"].detach()[0, 0] = float("nan")
    with pytest.raises(ValueError, match="from step 1 on the latent is not finite"):
        search(case, model)


def test_the_time_limit_stops_with_a_sentence():
    case = CASES["wan_t2v"]
    with pytest.raises(SearchStoppedError, match="is kept: queue again"):
        search(case, build(case), minutes=1e-6)


def test_two_experts_are_searched_in_one_run():
    case = CASES["wan_t2v"]
    high, low = build(case), build(case)
    for parameter in low.model.diffusion_model.parameters():
        parameter.data *= 0.9
    result = search(case, high, low_noise=low, boundary=0.93, steps=6)
    plan = result.loaded.plan
    assert plan.model.experts == ("high_noise", "low_noise")
    assert plan.expert_boundary() == 0.93
    assert plan.solved_for.expert == tuple(int(t < 0.93) for t in plan.solved_for.t)
    alone = search(case, high, steps=6, name="alone")
    assert relative(result.latent["samples"], alone.latent["samples"]) > 1e-3


def test_two_experts_share_the_budget():
    case = CASES["wan_t2v"]
    model = build(case)
    result = search(case, model, low_noise=build(case), boundary=0.93, steps=6, cfg=3.0)
    patched, _ = apply_plan(model, result.loaded, Settings(min_tokens=0))
    found = []
    for part in ({"start_step": 0, "last_step": 3}, {"start_step": 3, "disable_noise": True}):
        sample(patched, case, steps=6, cfg=3.0, **part)
        report = patch_of(patched).report
        assert report.sparse > 0 and report.fallbacks == {}
        found += [report.density] * 3
    assert sum(found) / 6 == pytest.approx(result.density) and result.density <= 0.6 + 1e-9


def test_the_slider_spends_its_density_on_the_expert_that_runs():
    case = CASES["wan_t2v"]
    model = build(case)
    loaded = search(case, model, low_noise=build(case), boundary=0.93, steps=6).loaded
    low, _ = apply_plan(model, loaded, Settings(min_tokens=0, speed_quality=0.25, expert="low noise"))
    sample(low, case, steps=6, start_step=3, disable_noise=True)
    report = patch_of(low).report
    assert f"for density {report.density:.2f}" in report.settings and report.density < 0.5


def test_models_that_are_no_experts_of_one_are_refused():
    wan = CASES["wan_t2v"]
    with pytest.raises(ValueError, match="not experts of one model"):
        search(wan, build(wan), low_noise=build(CASES["mochi"]))


def test_several_prompts_are_measured_each_with_its_seed():
    case = CASES["wan_t2v"]
    model = build(case)
    prompts = tuple([[normal(40 + i, 1, TEXT, case.text_dim), {}]] for i in range(2))
    result = search(case, model, positives=prompts)
    profile = result.loaded.profile()
    assert len(set(profile.native.prompts)) == 2
    alone = search(case, model, positives=prompts[:1], name="alone")
    assert torch.equal(result.latent["samples"], alone.latent["samples"]), "the first prompt's clip is given"
    assert result.loaded.plan.provenance["prompts"] == "2"


def test_stripes_are_measured_once(tmp_path):
    case = CASES["wan_t2v"]
    model = build(case)
    stages = []
    result = search(case, model, lambda progress: stages.append(progress.stage), stripes=True)
    assert stages == ["attention maps"] * 4 + ["profile"] * 4
    assert result.loaded.plan.provenance["stripes"] == "measured"
    again = []
    search(case, model, lambda progress: again.append(progress.stage), stripes=True)
    assert again == ["profile"] * 4


class MadeVae:
    """Frames of a latent without a network: three channels, squeezed into 0..1."""

    def decode(self, samples):
        return samples[0, :3].permute(1, 2, 3, 0).sigmoid()


def test_a_psnr_is_reached_with_the_least_density(monkeypatch):
    case = CASES["wan_t2v"]
    model = build(case)
    stages = []
    target = Target(Wish.PSNR, 34.0)
    result = search(case, model, lambda progress: stages.append(progress.stage), target=target, vae=MadeVae())
    assert 1 <= len(result.tries) <= 5
    best = min((each for each in result.tries if each.holds), key=lambda each: each.density)
    assert best.measured >= 34.5 and best.density == pytest.approx(result.density)
    budget = result.loaded.plan.budget
    assert (budget.goal, budget.value) == ("min_psnr_db", 34.0) and budget.density == pytest.approx(result.density)
    assert stages.count("try 1") == 4
    # A second search of the same has all figures: no try is made again.
    again = []
    same = search(case, model, lambda progress: again.append(progress.stage), target=target, vae=MadeVae())
    assert same.tries == result.tries and not any(stage.startswith("try") for stage in again)


def test_a_psnr_without_a_vae_is_refused_before_any_work():
    with pytest.raises(ValueError, match="connect the model's VAE"):
        search(CASES["wan_t2v"], build(CASES["wan_t2v"]), target=Target(Wish.PSNR, 30.0))


def test_a_share_of_time_is_solved_for_with_times_of_this_device():
    case = CASES["wan_t2v"]
    model = build(case)
    stages = []
    target = Target(Wish.ATTENTION_SHARE, 0.7)
    result = search(case, model, lambda progress: stages.append(progress.stage), target=target)
    costs = result.loaded.profile().costs.milliseconds
    assert stages.count("time the candidates") == 4 * len(costs) > 80  # rounds, the one that warms up among them
    assert all(each > 0 for each in costs)
    again = []
    same = search(case, model, lambda progress: again.append(progress.stage), target=target)
    assert same.loaded.profile().costs == result.loaded.profile().costs
    assert "time the candidates" not in again


def test_a_speed_up_that_cannot_be_is_refused_by_text():
    """Attention is a small part of this model, so no plan makes it so much faster."""
    case = CASES["wan_t2v"]
    with pytest.raises(ValueError, match=r"was not reached in \d tries .*; the nearest had"):
        search(case, build(case), target=Target(Wish.SPEEDUP, 50.0))


def test_what_holds_is_kept_when_time_is_over(monkeypatch):
    case = CASES["wan_t2v"]
    measured = []

    def one_try(*arguments):
        if measured:
            raise SearchStoppedError("over")
        measured.append(40.0)
        return 40.0

    monkeypatch.setattr(Clips, "psnr_db", one_try)
    result = search(case, build(case), target=Target(Wish.PSNR, 30.0), vae=MadeVae())
    assert result.tries == [Try(result.density, 40.0, True)] and result.loaded.plan.budget.density == result.density
    assert result.note == "The time limit ended the search after 1 tries; the best of them is saved."
    with pytest.raises(SearchStoppedError):
        search(case, build(case), target=Target(Wish.PSNR, 30.0), vae=MadeVae(), seed=6)
