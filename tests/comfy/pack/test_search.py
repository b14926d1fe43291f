# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Search Plan's work on small random models: gains by their definition, plans that fit, stopping and going on."""

import folder_paths
import pytest
import torch
from made_plans import relative
from small_models import CASES, TEXT, build, normal, sample
from twill_pack.twill_nodes import plan_store
from twill_pack.twill_nodes.patch.apply import apply_plan, patch_of
from twill_pack.twill_nodes.search import plan_search
from twill_pack.twill_nodes.settings import Settings


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "get_user_directory", lambda: str(tmp_path / "user"))
    monkeypatch.setattr(plan_store, "own_folder", lambda: tmp_path / "plans")


def request(case, model, **more) -> plan_search.SearchRequest:
    prompts = [[[normal(20 + i, 1, TEXT, case.text_dim), case.cond()]] for i in range(2)]
    values = {
        "model": model,
        "low_noise": None,
        "boundary": 0.9,
        "positive": prompts[0],
        "negative": prompts[1],
        "latent": {"samples": torch.zeros(1, *case.latent)},
        "seed": 5,
        "steps": 4,
        "cfg": 1.0,
        "sampler_name": "euler",
        "scheduler": "simple",
        "density": 0.6,
        "points": 3,
        "minutes": 0.0,
        "name": "found",
        **more,
    }
    return plan_search.SearchRequest(**values)


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


def test_the_clip_is_the_samplers(monkeypatch):
    case = CASES["wan_t2v"]
    model = build(case)
    import nodes as core

    asked = request(case, model)
    (expected,) = core.common_ksampler(
        model, asked.seed, asked.steps, asked.cfg, "euler", "simple", asked.positive, asked.negative, asked.latent
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


def test_the_time_limit_stops_with_a_sentence():
    case = CASES["wan_t2v"]
    with pytest.raises(plan_search.SearchStoppedError, match="is kept: queue again"):
        search(case, build(case), minutes=1e-6)


def test_two_experts_are_searched_in_one_run():
    case = CASES["wan_t2v"]
    high, low = build(case), build(case)
    for parameter in low.model.diffusion_model.parameters():
        parameter.data *= 0.9
    result = search(case, high, low_noise=low, boundary=0.93, steps=6)
    plan = result.loaded.plan
    assert plan.model.experts == ("high_noise", "low_noise")
    asked = request(case, high, steps=6)
    alone = search(case, high, steps=6, name="alone")
    assert relative(result.latent["samples"], alone.latent["samples"]) > 1e-3
    assert asked.low_noise is None


def test_models_that_are_no_experts_of_one_are_refused():
    wan = CASES["wan_t2v"]
    with pytest.raises(ValueError, match="not experts of one model"):
        search(wan, build(wan), low_noise=build(CASES["mochi"]))
