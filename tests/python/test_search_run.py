# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A whole search with a host of a few lines, on heads whose shape is planted."""

import copy

import pytest
from test_search import GAIN, LAYOUT, MODEL, planted

import twill_vdit
from twill_vdit import Error, native, search

pytestmark = pytest.mark.skipif(native.binary is None, reason=f"no binary module: {native.why_not}")

TIMES = (1.0, 0.8, 0.5)
KEYS = {"clip_key": "made up", "prompts": ["made"], "seeds": [3]}


def begun(folder, **more) -> search.SearchRun:
    run = search.RunFacts(TIMES, 3, sampler="euler")
    maps_run = search.RunFacts(TIMES[:2], 2)
    return search.SearchRun(
        MODEL, run, **{"maps_run": maps_run, "points": 2, "map_size": 8, "work": folder, **KEYS, **more}
    )


class Host:
    """Its clips by a plan are as good as the plan is dense."""

    def __init__(self) -> None:
        self.asked: list[search.ClipWork | search.CostWork | search.QualityWork | search.SecondsWork] = []

    def work_for(self, run: search.SearchRun) -> search.Solution:
        while (work := run.next()) is not None:
            self.asked.append(work)
            match work:
                case search.ClipWork():
                    self.show(run, work)
                    run.clip_made()
                case search.CostWork():
                    times = [100.0, *(1.0 + i / 10 for i in range(work.profile.candidate_count - 1))]
                    run.costs_measured(search.CostTable("a machine", "a kernel", times))
                case search.QualityWork():
                    run.quality_measured(20.0 + 20.0 * work.plan.budget.density)
                case search.SecondsWork():
                    run.seconds_measured(2.0 if work.plan is None else 1.0 + work.plan.budget.density)
        return run.result({"host": "made up"})

    @staticmethod
    def show(run: search.SearchRun, work: search.ClipWork) -> None:
        profiler = run.profiler(LAYOUT)
        for step, t_index in work.shown:
            assert profiler.t[t_index] == work.t[step]
            if not profiler.done(t_index, work.prompt):
                for layer in range(2):
                    profiler.observe(
                        *planted(10 * step + layer), GAIN, t_index=t_index, layer=layer, prompt=work.prompt
                    )
                run.finish_unit(t_index, 0.25)


def test_a_search_ends_with_a_plan_and_goes_on_where_it_was(tmp_path):
    run, host = begun(tmp_path), Host()
    found = host.work_for(run)
    assert [(work.purpose, work.prompt, work.seed, work.t, work.shown) for work in host.asked] == [
        ("maps", 0, 3, TIMES[:2], ((0, 0), (1, 1))),
        ("profile", 0, 3, TIMES, ((0, 0), (2, 1))),
    ]
    assert found.plan.name == "solver, density 0.4" and found.density <= 0.4
    assert found.plan.solved_for.t == TIMES and found.plan.solved_for.sampler == "euler"
    assert found.plan.provenance["host"] == "made up" and found.plan.provenance["stripes"] == "measured"
    assert search.profile_of(found.plan).run.t == TIMES
    assert (run.seconds, run.seconds_elsewhere) == (1.0, 0.0)
    again, other = begun(tmp_path), Host()
    # Whole clips are made by every process, as its host hands them on.
    assert other.work_for(again).plan.text == found.plan.text
    assert [(work.purpose, work.shown) for work in other.asked] == [("profile", ())]
    assert again.seconds_elsewhere == 1.0


def test_maps_are_offered_live(tmp_path):
    run = begun(tmp_path)
    work = run.next()
    Host.show(run, work)
    maps = run.profiler(LAYOUT).mean_maps()
    assert maps.shape == (6, 8, 8) and maps.sum(2) == pytest.approx(1.0, abs=1e-4)


def test_a_target_is_tried_for_and_can_be_settled_for_less(tmp_path):
    target = search.SearchTarget("psnr", 26.0)
    run, host = begun(tmp_path, target=target, name="good"), Host()
    found = host.work_for(run)
    tries = [work for work in host.asked if isinstance(work, search.QualityWork)]
    assert [(work.purpose, work.number, work.of) for work in tries] == [
        ("try", i + 1, 5) for i in range(len(run.tries))
    ]
    assert run.wanted == 26.5 and found.plan.name == "good"
    assert found.density == min(each.density for each in run.tries if each.holds)
    assert str(found.plan.budget).startswith("min_psnr_db 26, at density")
    settled = begun(tmp_path, target=search.SearchTarget("psnr", 25.0), name="settled")
    assert not settled.take_best()
    while not settled.tries:
        work = settled.next()
        if isinstance(work, search.ClipWork):
            Host.show(settled, work)
            settled.clip_made()
        else:
            settled.quality_measured(40.0)
            settled.next()
    assert settled.take_best() and settled.next() is None
    assert settled.result().density == settled.tries[0].density


def test_a_speed_up_takes_times_of_candidates_and_loops(tmp_path):
    run, host = begun(tmp_path, target=search.SearchTarget("speedup", 1.2), budget="attention_share"), Host()
    found = host.work_for(run)
    kinds = [type(work).__name__ for work in host.asked]
    assert kinds[:5] == ["ClipWork", "ClipWork", "CostWork", "SecondsWork", "SecondsWork"]
    assert [work.plan is None for work in host.asked[3:5]] == [True, False]
    assert found.plan.budget.goal == "min_speedup"
    assert search.profile_of(found.plan).costs.device == "a machine"


REFUSED = {
    "a_policy": ({"policy": "best"}, r'policy "best" is not solver or'),
    "a_budget": ({"budget": "money"}, r'budget "money" is not density or attention_share'),
    "a_wish": ({"target": search.SearchTarget("beauty", 1.0)}, r'wish "beauty" is not psnr or speedup'),
    "a_share": ({"share": 1.5}, r"density 1\.5 is not in \(0, 1\]"),
    "a_psnr": ({"target": search.SearchTarget("psnr", 99.0)}, r"least PSNR 99 is not in \(0, 80\] dB"),
    "seeds": ({"seeds": []}, r"seeds: 0 of 1 prompts"),
}


@pytest.mark.parametrize(("more", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_a_request_is_refused_by_its_value(tmp_path, more, why):
    with pytest.raises(Error, match=why):
        begun(tmp_path, **more)


def test_wrong_answers_are_refused(tmp_path):
    run = begun(tmp_path)
    run.next()
    with pytest.raises(Error, match="step 1 at t 1 was not shown"):
        run.clip_made()
    with pytest.raises(Error, match="what is asked for is the clip of prompt 1"):
        run.quality_measured(30.0)
    with pytest.raises(Error, match="a search has no plan while it asks for the clip of prompt 1"):
        run.result()
    Host.show(run, run.next())
    run.clip_made()
    run.next()
    with pytest.raises(Error, match="the clips before it had 6x8x16 tokens"):
        run.profiler(twill_vdit.TokenLayout(frames=5, rows=8, cols=16))


def test_a_search_under_way_is_not_copied(tmp_path):
    with pytest.raises(TypeError, match="SearchRun cannot be copied or pickled"):
        copy.deepcopy(begun(tmp_path))


def test_few_steps_are_enough_for_maps():
    assert (search.map_steps(50), search.map_steps(4)) == (6, 4)
