# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""From q, k and v to a plan, on heads whose shape is planted."""

import dataclasses
import math
import pickle

import numpy as np
import pytest
import torch

import twill_vdit
from twill_vdit import Error, call_measures, native, search
from twill_vdit.plan import ModelShape, StackShape

pytestmark = pytest.mark.skipif(native.binary is None, reason=f"no binary module: {native.why_not}")

LAYOUT = twill_vdit.TokenLayout(frames=6, rows=8, cols=16)
MODEL = ModelShape("made", ("default",), (StackShape("blocks", 2, 3),), 64)
OWN_FRAME, NOTHING, EVERYTHING = range(3)  # heads of each layer
GAIN = [1.0, 0.0, 1.0]
TIMES = [0.9, 0.4]


def planted(seed):
    """Head 0 looks at its own frame only, head 1 adds nothing to the stream, head 2 looks everywhere."""
    generator = torch.Generator().manual_seed(seed)
    q, k, v = (torch.randn(1, 3, LAYOUT.tokens, 64, generator=generator) for _ in range(3))
    frame = torch.arange(LAYOUT.tokens) // LAYOUT.frame_tokens
    mark = torch.nn.functional.one_hot(frame, 64).float()
    q[:, OWN_FRAME] = k[:, OWN_FRAME] = 20.0 * mark
    return q, k, v


def make_profiler(**more):
    return search.Profiler(MODEL, LAYOUT, t=TIMES, prompts=["made"], rows=32, **more)


def run_unit(profiler, t_index):
    for layer in range(2):
        profiler.observe(*planted(10 * t_index + layer), GAIN, t_index=t_index, layer=layer)
    profiler.finish_unit(t_index)


@pytest.fixture(scope="module")
def profile():
    profiler = make_profiler()
    for t_index in range(len(TIMES)):
        run_unit(profiler, t_index)
    return profiler.finish()


def test_the_solver_finds_the_planted_heads(profile):
    solution = search.solve(profile, [1.0, 0.7, 0.4], density=0.5, dense_first_steps=0, dense_last_steps=0)
    assert solution.density <= 0.5
    compiled = twill_vdit.compile_plan(solution.plan, LAYOUT)
    assert compiled.run_density([1.0, 0.7, 0.4]) == pytest.approx(solution.density)
    q, k, v = planted(99)
    exact = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    for layer in range(2):
        out = twill_vdit.sparse_attention(q, k, v, compiled, layer=layer, t=0.4)
        errors = ((out - exact) ** 2).sum((0, 2, 3)) / (exact**2).sum((0, 2, 3))
        assert errors[OWN_FRAME] < 1e-6
        modes = [mode for mode, _ in compiled.tasks(0, 0, 0, layer)]
        assert modes[NOTHING] == "skip"
        assert modes[EVERYTHING] == "dense", "two of three heads cost next to nothing, so the third may stay dense"


def test_a_profile_is_written_and_read_again(profile, tmp_path):
    profile.write(tmp_path / "profile.json")
    again = search.Profile.read(tmp_path / "profile.json")
    assert search.solve(again, [0.9, 0.4]).plan == search.solve(profile, [0.9, 0.4]).plan


def test_a_stopped_search_goes_on(profile, tmp_path):
    run_unit(make_profiler(folder=tmp_path), 0)
    resumed = make_profiler(folder=tmp_path)
    assert resumed.done(0)
    assert not resumed.done(1)
    run_unit(resumed, 1)
    assert search.solve(resumed.finish(), [0.9, 0.4]).plan == search.solve(profile, [0.9, 0.4]).plan


def test_an_unfinished_profile_is_refused():
    with pytest.raises(Error, match=r"t"):
        make_profiler().finish()


def test_a_call_that_does_not_fit_is_refused():
    q, k, v = planted(0)
    with pytest.raises(Error, match=r"layer 7"):
        make_profiler().observe(q, k, v, GAIN, t_index=0, layer=7)


def test_a_density_out_of_range_is_refused(profile):
    with pytest.raises(Error, match=r"1\.5"):
        search.solve(profile, [0.9], density=1.5)


def test_a_solver_gives_plans_of_any_density(profile):
    solver = search.Solver(profile, [1.0, 0.7, 0.4], dense_first_steps=0, dense_last_steps=0)
    least = solver.least_budget()
    assert 0 <= least < 0.5
    found = [solver.solve(density) for density in (0.3, 0.5, 0.8)]
    assert [s.density <= d + 1e-9 for s, d in zip(found, (0.3, 0.5, 0.8), strict=True)] == [True] * 3
    assert found[0].predicted_error >= found[1].predicted_error >= found[2].predicted_error
    front = solver.pareto_front(5)
    assert front[0][0] == pytest.approx(least) and front[-1][1] == 0.0
    with pytest.raises(Error, match=r"budget: 1\.5"):
        solver.solve(1.5)


def test_a_solver_keeps_to_the_density_where_the_plan_will_run(profile):
    longer = twill_vdit.TokenLayout(frames=9, rows=8, cols=16)
    grid = (longer.frames, longer.rows, longer.cols)
    there = search.Solver(profile, TIMES, dense_first_steps=0, dense_last_steps=0, grid=grid).solve(0.5)
    assert twill_vdit.compile_plan(there.plan, longer).run_density(TIMES) == pytest.approx(there.density)
    assert there.density <= 0.5
    with pytest.raises(Error, match=r"layout\.rows: 0"):
        search.Solver(profile, TIMES, grid=(9, 0, 16))


def test_a_plan_carries_its_profile(profile, tmp_path):
    attached = search.solve(profile, [0.9, 0.4], density=0.5, attach_profile=True).plan
    twill_vdit.write_plan(tmp_path / "plan.json", attached)
    read = search.profile_of(twill_vdit.read_plan(tmp_path / "plan.json"))
    assert read is not None and read.native.t == TIMES and read.maps is None
    assert search.profile_of(search.solve(profile, [0.9, 0.4], density=0.5).plan) is None


def test_maps_are_there_while_the_profile_is_made():
    profiler = make_profiler(map_size=12)
    run_unit(profiler, 0)
    maps = profiler.mean_maps()
    assert maps.shape == (6, 12, 12)
    assert maps.sum(2) == pytest.approx(1.0, abs=1e-3)
    assert maps[OWN_FRAME].diagonal().sum() > maps[EVERYTHING].diagonal().sum()


def test_a_folder_of_another_provenance_is_refused(tmp_path):
    run_unit(make_profiler(folder=tmp_path, provenance={"dtype": "float32"}), 0)
    assert make_profiler(folder=tmp_path, provenance={"dtype": "float32"}).done(0)
    with pytest.raises(Error, match="dtype"):
        make_profiler(folder=tmp_path, provenance={"dtype": "bfloat16"})


def test_maps_alone_give_stripes_where_a_head_looks():
    """All queries of one head want one box of the fourth frame; a stripe over it is then among the candidates."""

    def observe(profiler):
        q, k, v = planted(3)
        frame = torch.arange(LAYOUT.tokens) // LAYOUT.frame_tokens
        q[:, EVERYTHING] = 8.0
        row = torch.arange(LAYOUT.tokens) % LAYOUT.frame_tokens // LAYOUT.cols
        k[:, EVERYTHING] = ((frame == 3) & (row >= 4)).float().unsqueeze(1)
        for layer in range(2):
            profiler.observe(q, k, v, GAIN, t_index=0, layer=layer)
        profiler.finish_unit(0)
        return profiler

    def made(**more):
        return search.Profiler(MODEL, LAYOUT, t=[0.5], prompts=["made"], rows=32, map_size=24, **more)

    only_maps = observe(made(candidates=0))
    assert only_maps.finish().native.candidate_count == 1
    plain, measured = observe(made()).finish(), observe(made(stripe_maps=only_maps.mean_maps())).finish()

    def cheapest(profile):
        """The least density at which the looking heads lose nothing that counts."""
        solver = search.Solver(profile, [0.5], dense_first_steps=0, dense_last_steps=0)
        found = [solver.solve(density) for density in (0.05, 0.1, 0.15, 0.2, 0.3, 0.5)]
        return next(each.density for each in found if each.predicted_error < 1e-3)

    assert cheapest(measured) < cheapest(plain)


def test_stripe_maps_of_another_form_are_refused_by_text():
    with pytest.raises(Error, match=r"not \[heads, size, size\]"):
        make_profiler(stripe_maps=torch.zeros(6, 4).numpy())


def test_costs_are_measured_and_solved_for(profile, tmp_path):
    profile.write(tmp_path / "profile.json")
    timed = search.Profile.read(tmp_path / "profile.json")
    with pytest.raises(Error, match="cost"):
        search.Solver(timed, TIMES, budget="attention_share").solve(0.5)
    stops = []
    timed.measure_costs("cpu", torch.float32, check_stop=lambda: stops.append(1))
    assert len(timed.costs.milliseconds) == timed.native.candidate_count
    assert len(stops) == search.COST_ROUNDS * timed.candidate_count, (
        "before every call, the round that warms up among them"
    )
    assert all(milliseconds > 0 for milliseconds in timed.costs.milliseconds)
    assert timed.costs.device == "cpu, float32" and timed.costs.kernel
    solver = search.Solver(timed, TIMES, budget="attention_share", dense_first_steps=0, dense_last_steps=0)
    solution = solver.solve(0.6)
    assert solution.attention_share <= 0.6 + 1e-9
    timed.write(tmp_path / "timed.json")
    again = search.Profile.read(tmp_path / "timed.json").costs
    assert again.milliseconds == pytest.approx(timed.costs.milliseconds)
    kept = search.Profile.read(tmp_path / "profile.json")
    kept.costs = again
    assert kept.costs == again
    with pytest.raises(Error, match="cost"):
        kept.costs = dataclasses.replace(again, milliseconds=[1.0])
    assert kept.costs == again, "what does not fit changes nothing"


def test_a_stop_between_candidates_is_raised(profile, tmp_path):
    profile.write(tmp_path / "profile.json")

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search.Profile.read(tmp_path / "profile.json").measure_costs("cpu", torch.float32, stop)


def test_an_unknown_budget_is_refused_by_text(profile):
    with pytest.raises(Error, match='budget "seconds" is not density or attention_share'):
        search.Solver(profile, TIMES, budget="seconds")


def test_a_budget_is_found_for_a_wish():
    """12 dB for each doubling, 30 dB at 0.25; half a decibel of margin."""
    finder = search.BudgetFinder("psnr", 30.0, least_budget=0.1)
    while (budget := finder.next()) is not None:
        assert finder.tell(30.0 + 12.0 * math.log2(budget / 0.25)) is (budget >= 0.25 * 2 ** (0.5 / 12))
    assert finder.wanted == 30.5
    budget, measured, holds = finder.tries[finder.best]
    assert holds and 30.5 <= measured < 31.5


def test_an_unknown_wish_is_refused_by_text():
    with pytest.raises(Error, match='wish "ssim" is not psnr or speedup'):
        search.BudgetFinder("ssim", 0.9)


def fed(run, steps):
    """The numbers of the steps after which a run has another plan; its first layers need their own frame only."""
    changed = []
    for step in range(steps):
        assert run.step == step
        if run.measuring:
            for layer in range(2):
                run.observe(*planted(100 * step + layer), layer=layer)
        if run.finish_step():
            changed.append(step)
    return changed


def test_a_plan_is_adapted_to_the_run(profile):
    t = [1.0 - i / 20 for i in range(20)]
    there = twill_vdit.TokenLayout(frames=9, rows=4, cols=16)
    run = search.AdaptiveRun(profile, t, density=0.4, layout=there, name="adapted")
    ruled = search.Solver(profile, t, grid=(9, 4, 16), name="adapted").solve(0.4)
    assert run.plan.segments == ruled.plan.segments, "nothing is measured yet"
    with pytest.raises(Error, match="layer 1"):
        half = search.AdaptiveRun(profile, t, density=0.4, layout=LAYOUT)
        half.observe(*planted(0), layer=0)
        half.finish_step()

    run = search.AdaptiveRun(profile, t, density=0.4, layout=LAYOUT)
    assert fed(run, 20) == [0, 1, 4, 9]
    assert run.density <= 0.4 + 1e-9
    assert run.plan.model == MODEL and run.plan.name == "plan"
    with pytest.raises(Error, match="all 20 steps"):
        run.finish_step()


def test_a_step_that_is_not_measured_takes_no_calls(profile):
    run = search.AdaptiveRun(profile, [0.9], density=0.5, layout=LAYOUT)
    assert not run.measuring, "a single step has nothing after it"
    with pytest.raises(Error, match="step 0 is not one that is measured"):
        run.observe(*planted(0), layer=0)


@pytest.mark.parametrize(("t", "text"), [(500.0, "500"), (-0.5, "-0.5"), (math.nan, "nan")])
def test_a_time_outside_0_to_1_is_refused_everywhere(profile, t, text):
    calls = [
        lambda: search.Profiler(MODEL, LAYOUT, t=[t], prompts=["made"]),
        lambda: search.Solver(profile, [t]),
        lambda: search.solve(profile, [t, 0.1], expert_at=[0, 0]),
        lambda: search.AdaptiveRun(profile, [t, 0.1], density=0.5, layout=LAYOUT),
    ]
    for call in calls:
        with pytest.raises(Error) as refused:
            call()
        assert str(refused.value) == f"t {text} is not within 0..1 (a model's timestep divided by its training range)"


def test_another_head_dim_is_refused_on_every_device(profile, monkeypatch):
    wide = [torch.zeros(1, 3, LAYOUT.tokens, 128) for _ in "qkv"]
    with pytest.raises(Error, match="head_dim 128, not 64"):
        make_profiler().observe(*wide, GAIN, t_index=0, layer=0)
    monkeypatch.setattr(call_measures, "measures_there", lambda device: True)
    with pytest.raises(Error, match="observe: head_dim 128, not the model's 64"):
        make_profiler().observe(*wide, GAIN, t_index=0, layer=0)
    with pytest.raises(Error, match="observe: head_dim 128, not the model's 64"):
        search.AdaptiveRun(profile, [0.9, 0.5], density=0.5, layout=LAYOUT).observe(*wide, layer=0)


THEIRS = search.RunFacts((1.0, 0.9, 0.5), 3, sampler="uni_pc", scheduler="beta")


def test_a_run_is_kept_in_the_profile_and_in_its_plans(tmp_path):
    profiler = make_profiler(run=THEIRS, provenance={"steps": "a few"})
    run_unit(profiler, 0)
    run_unit(profiler, 1)
    profile = profiler.finish()
    kept = dataclasses.replace(THEIRS, grid=(LAYOUT.frames, LAYOUT.rows, LAYOUT.cols))
    assert profile.run == kept
    profile.write(tmp_path / "profile.json")
    assert search.Profile.read(tmp_path / "profile.json").run == kept
    solver = search.Solver(profile, THEIRS.t, sampler="uni_pc", scheduler="beta", attach_profile=True)
    plan = solver.solve(0.5).plan
    assert plan.solved_for == kept and plan.profile_facts.run == kept
    assert plan.budget.goal == "density" and plan.budget.value == 0.5 and 0.0 < plan.budget.density <= 0.5
    assert search.profile_of(plan).run == kept
    assert make_profiler(provenance={"steps": "3"}).t == profiler.t
    again = pickle.loads(pickle.dumps(solver)).solve(0.5).plan
    assert again == plan


def test_a_run_that_cannot_be_is_refused_before_any_work():
    for run, said in (
        (dataclasses.replace(THEIRS, t=(0.5, 0.9)), r"run.t\[1\]: 0.9 is above the one before"),
        (dataclasses.replace(THEIRS, sampler=""), "run.sampler: it is empty"),
        (dataclasses.replace(THEIRS, steps=0), "run.steps: 0 is outside 1..1000"),
        (dataclasses.replace(THEIRS, weight=(1.0,)), "run.weight: 1 values, not 3"),
    ):
        with pytest.raises(Error, match=said):
            make_profiler(run=run)


def test_a_folder_of_another_run_is_refused(tmp_path):
    run_unit(make_profiler(folder=tmp_path, run=THEIRS), 0)
    assert make_profiler(folder=tmp_path, run=THEIRS).done(0)
    with pytest.raises(Error, match=r"run\.scheduler"):
        make_profiler(folder=tmp_path, run=dataclasses.replace(THEIRS, scheduler="karras"))


def test_whole_numbers_of_other_libraries_are_taken(profile):
    two = np.int64(2)
    shape = ModelShape("made", ("default",), (StackShape("blocks", two, np.int32(3)),), np.int64(64))
    profiler = search.Profiler(
        shape, LAYOUT, t=np.array(TIMES), prompts=["made"], seeds=np.array([7]), candidates=np.int64(12), rows=8 * two
    )
    profiler.observe(*planted(0), GAIN, t_index=np.int64(0), layer=np.int64(1))
    ends = {"dense_first_steps": np.int64(0), "dense_last_steps": np.int64(0), "max_segments": two}
    grid = tuple(np.array((6, 8, 16)))
    solver = search.Solver(profile, np.array(TIMES), expert_at=np.array([0, 0]), grid=grid, **ends)
    assert (
        solver.solve(0.5).plan
        == search.Solver(profile, TIMES, grid=(6, 8, 16), max_segments=2, dense_first_steps=0, dense_last_steps=0)
        .solve(0.5)
        .plan
    )


def test_experts_are_told_or_known_from_the_profile():
    model = dataclasses.replace(MODEL, experts=("high_noise", "low_noise"))

    def made(**more):
        profiler = search.Profiler(model, LAYOUT, t=TIMES, prompts=["made"], rows=32, **more)
        for t_index in range(2):
            for layer in range(2):
                profiler.observe(*planted(layer), GAIN, t_index=t_index, layer=layer, expert=t_index)
            profiler.finish_unit(t_index)
        return profiler.finish()

    def kinds(solution, expert):
        segment = solution.plan.segments[solution.plan.segment_at(TIMES[expert])]
        return {solution.plan.patterns[i].kind for i in segment.heads[expert]}

    ends = {"density": 0.4, "dense_first_steps": 0, "dense_last_steps": 0}
    known = search.solve(made(expert_boundary=0.5), TIMES, **ends)
    assert kinds(known, 0) != {"dense"} != kinds(known, 1)
    assert known.plan.expert_boundary() == 0.5 and known.plan.solved_for.expert == (0, 1)
    # As version 1.0 kept it.
    in_words = search.solve(made(provenance={"expert_boundary": "0.5"}), TIMES, **ends)
    assert in_words.plan.segments == known.plan.segments
    assert search.solve(made(), TIMES, expert_at=[0, 1], **ends).plan.segments == known.plan.segments
    with pytest.raises(Error, match="does not say below which t the second one runs"):
        search.solve(made(), TIMES)
    with pytest.raises(Error, match="1 experts for 2 forwards"):
        search.solve(made(), TIMES, expert_at=[0])
