# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What a host of several processes sends to the others, and what models hold that are copied."""

import copy
import pickle

import pytest
import torch
from test_search import LAYOUT, TIMES, make_profiler, run_unit

import plan_texts
import twill_vdit
from attention_cases import LAYOUTS, ORDERS, PATTERNS
from twill_vdit import native, search
from twill_vdit.search import CostTable

needs_binary = pytest.mark.skipif(native.binary is None, reason=f"no binary module: {native.why_not}")
COPIES = [copy.copy, copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made))]
each_copy = pytest.mark.parametrize("copied", COPIES, ids=["copy", "deepcopy", "pickle"])


def made_plan():
    layers = [[plan_texts.with_order(pattern, order) for pattern in PATTERNS.values()] for order in ORDERS.values()]
    return twill_vdit.parse_plan(plan_texts.plan_text(layers, dense_above=0.9), "made.json")


@each_copy
def test_values(copied):
    for made in (*LAYOUTS.values(), *ORDERS.values(), *PATTERNS.values(), made_plan().model):
        again = copied(made)
        assert again == made and hash(again) == hash(made)


@each_copy
def test_plans(copied):
    plan = made_plan()
    again = copied(plan)
    assert again == plan
    assert (again.native is None) == (native.binary is None)


@each_copy
@pytest.mark.parametrize("backend", ["eager", pytest.param("native_cpu", marks=needs_binary)])
def test_compiled_plans_compute_the_same(copied, backend):
    compiled = twill_vdit.compile_plan(made_plan(), LAYOUTS["text_behind"], backend)
    compiled.set_time(0.5)
    again = copied(compiled)
    assert again.handle != compiled.handle
    assert (again.layout, again.backend, again.density(0)) == (compiled.layout, backend, compiled.density(0))
    q, k, v = (torch.randn(1, len(PATTERNS), compiled.layout.tokens, 64) for _ in "qkv")
    out = twill_vdit.sparse_attention(q, k, v, again, layer=1, t=0.5)
    assert torch.equal(out, twill_vdit.sparse_attention(q, k, v, compiled, layer=1))
    with pytest.raises(twill_vdit.Error, match=r"give t or segment, or call plan.set_time"):
        twill_vdit.sparse_attention(q, k, v, again, layer=1)


def test_a_model_that_holds_one_is_copied():
    class Block(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.plan = twill_vdit.compile_plan(made_plan(), LAYOUTS["one_frame"])

    block = Block()
    assert copy.deepcopy(block).plan.plan == block.plan.plan


@pytest.fixture(scope="module")
def profile():
    profiler = make_profiler(candidates=12, map_size=4)
    for t_index in range(len(TIMES)):
        run_unit(profiler, t_index)
    return profiler.finish()


def written(profile, folder):
    profile.write(folder / "profile.json")
    return (folder / "profile.json").read_bytes()


@needs_binary
@each_copy
def test_profiles(copied, profile, tmp_path):
    again = copied(profile)
    assert written(again, tmp_path) == written(profile, tmp_path)
    native_again = copied(profile.native)
    assert written(search.Profile(native_again), tmp_path) == written(profile, tmp_path)


@needs_binary
@pytest.mark.parametrize("copied", COPIES[1:], ids=["deepcopy", "pickle"])
def test_costs_of_a_copy_are_its_own(copied, profile):
    plan = search.solve(profile, TIMES, density=0.5, attach_profile=True).plan
    again = copied(plan)
    count = profile.native.candidate_count
    search.profile_of(again).costs = CostTable("here", "a kernel", [1.0] * count)
    assert search.profile_of(plan).costs is None
    later = search.profile_of(copied(again))
    assert later.costs.device == "here", "what was added since the text was read travels too"


@needs_binary
@each_copy
def test_solvers(copied, profile):
    solver = search.Solver(profile, TIMES, name="half", grid=(6, 8, 8))
    again = copied(solver)
    assert again.least_budget() == solver.least_budget()
    assert again.solve(0.5).plan == solver.solve(0.5).plan


@needs_binary
@each_copy
def test_budget_finders(copied):
    finder = search.BudgetFinder("psnr", 30.0, least_budget=0.1)
    finder.tell(25.0)
    again = copied(finder)
    assert (again.next(), again.tries, again.wanted) == (finder.next(), finder.tries, finder.wanted)
    again.tell(40.0)
    assert len(finder.tries) == 1


@needs_binary
@each_copy
def test_a_run_under_way_says_that_it_cannot_be_copied(copied, profile):
    running = search.AdaptiveRun(profile, [0.9, 0.5], density=0.5, layout=LAYOUT)
    for made in (make_profiler(), running):
        with pytest.raises(
            TypeError, match=f"{type(made).__name__} cannot be copied or pickled: it is a run under way"
        ):
            copied(made)
