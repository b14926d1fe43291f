# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Which plan a node takes, and what it does without one, without the package, and where sparse would not pay."""

import json
from types import SimpleNamespace

import folder_paths
import pytest
import torch
from made_plans import plan_for
from small_models import CASES, build, sample
from twill_pack.twill_nodes import plan_store, slider, wheel
from twill_pack.twill_nodes.nodes import choice
from twill_pack.twill_nodes.nodes.sockets import NONE
from twill_pack.twill_nodes.patch import apply, notify
from twill_pack.twill_nodes.patch.apply import apply_plan, patch_of
from twill_pack.twill_nodes.settings import Settings

import twill_vdit
from twill_vdit.running import Run, SliderRun, pace, speed_quality

CASE = CASES["wan_t2v"]
ALL = Settings(min_tokens=0)


@pytest.fixture(scope="module")
def model():
    return build(CASE)


@pytest.fixture
def told(monkeypatch):
    texts = []
    monkeypatch.setattr(notify, "toast", lambda severity, summary, detail: texts.append((severity, detail)))
    return texts


@pytest.fixture
def plans(tmp_path, monkeypatch):
    """A folder of plans of the user's own, which stands before the presets."""
    monkeypatch.setitem(folder_paths.folder_names_and_paths, plan_store.FOLDER, ([str(tmp_path)], {".json"}))
    folder_paths.filename_list_cache.clear()
    yield tmp_path
    folder_paths.filename_list_cache.clear()


def put(folder, name, **changes):
    text = {**json.loads(plan_for(CASE).plan.text), "name": name, **changes}
    (folder / f"{name}.json").write_text(json.dumps(text))


def test_auto_takes_the_first_plan_that_fits(plans, model, told):
    other = json.loads(plan_for(CASES["mochi"]).plan.text)
    (plans / "a.json").write_text(json.dumps(other))
    (plans / "b.json").write_text("{")
    put(plans, "c")
    put(plans, "d")
    patched = choice.patched_model(model, plan_store.AUTO, None, ALL)
    assert patch_of(patched).loaded.name == "c.json"
    assert told == []


def test_auto_without_a_plan_says_how_to_get_one(plans, model, told):
    (plans / "b.json").write_text("{")
    assert choice.patched_model(model, plan_store.AUTO, None, ALL) is model
    ((severity, text),) = told
    assert severity == "warn" and "Search Plan makes one" in text and "b.json: " in text


def test_none_is_none_and_says_nothing(plans, model, told):
    assert choice.patched_model(model, NONE, None, ALL) is model
    assert told == []


def test_the_socket_comes_before_the_drop_down(plans, model):
    put(plans, "c")
    patched = choice.patched_model(model, "c.json", plan_for(CASE, seed=3), ALL)
    assert patch_of(patched).loaded.name == "made"


def test_without_the_package_the_model_stays_dense_and_it_says_what_to_do(model, told, monkeypatch):
    monkeypatch.setattr(wheel, "_import", lambda: (None, wheel.HOW_TO_INSTALL))
    assert plan_store.preset_files() == {}
    assert choice.patched_model(model, plan_store.AUTO, None, ALL) is model
    assert "pip install twill-vdit" in told[0][1]
    with pytest.raises(wheel.WheelMissingError, match="pip install twill-vdit"):
        plan_store.load("preset: demo/plan")


def test_a_network_that_nobody_knows_is_told(model, told):
    class Unknown:
        def get_model_object(self, name):
            return object()

    unknown = Unknown()
    assert choice.patched_model(unknown, plan_store.AUTO, None, ALL) is unknown
    assert "no token layout of object" in told[0][1]


@pytest.mark.parametrize(("break_even", "sparse"), [(-1.0, 0), (2.0, 6)], ids=["slower", "faster"])
def test_without_a_kernel_sparse_must_pay(break_even, sparse, model, monkeypatch):
    monkeypatch.setattr(Run, "_has_kernel", lambda self, call: False)
    monkeypatch.setattr(pace, "break_even", lambda call, density, run: break_even)
    patched, _ = apply_plan(model, plan_for(CASE), ALL)
    sample(patched, CASE)
    report = patch_of(patched).report
    assert report.sparse == sparse
    assert ("slower than dense" in report.warning()) == (sparse == 0)


def test_the_break_even_is_measured_once(model, monkeypatch):
    monkeypatch.setattr(Run, "_has_kernel", lambda self, call: False)
    monkeypatch.setattr(pace, "_break_even", {})
    patched, _ = apply_plan(model, plan_for(CASE), ALL)
    sample(patched, CASE)
    assert len(pace._break_even) == 1
    assert patch_of(patched).report.calls == 6


def test_a_run_with_fallbacks_is_told_once(model, told, monkeypatch):
    monkeypatch.setattr(Run, "_has_kernel", lambda self, call: False)
    monkeypatch.setattr(pace, "break_even", lambda call, density, run: -1.0)
    patched, _ = apply_plan(model, plan_for(CASE), ALL)
    sample(patched, CASE, steps=5)
    assert len(told) == 1 and "15 calls: slower than dense" in told[0][1]


def test_the_slider_needs_a_profile(model, told):
    patched, _ = apply_plan(model, plan_for(CASE), Settings(speed_quality=0.3, min_tokens=0))
    sample(patched, CASE)
    assert "has no profile, so it holds as it is" in patch_of(patched).report.text()
    patched, _ = apply_plan(model, plan_for(CASE), Settings(speed_quality=1.0, min_tokens=0))
    sample(patched, CASE)
    assert patch_of(patched).report.density == 1.0


@pytest.fixture
def grids(monkeypatch):
    """What the slider is told of the clip's size."""
    told = []
    monkeypatch.setattr(apply, "plan_for", lambda *of: told.append(of[2].grid) or slider.plan_for(*of))
    return told


def test_the_slider_is_told_the_size_of_the_clip(model, grids):
    patched, _ = apply_plan(model, plan_for(CASE), ALL)
    sample(patched, CASE)
    assert grids == [CASE.grid]


def test_of_packed_latents_the_first_is_the_clip(model, grids):
    patched, _ = apply_plan(model, plan_for(CASE), ALL)

    class Executor:
        class_obj = SimpleNamespace(model_patcher=patched)

        def __call__(self, *arguments, **more):
            return None

    packed, sigmas = torch.zeros(1, 1, 8), torch.tensor([1.0, 0.5, 0.0])
    shapes = [(1, *CASE.latent), (1, 8, 4)]
    patch_of(patched).outer_sample(Executor(), packed, packed, None, sigmas, latent_shapes=shapes)
    assert grids == [CASE.grid]


def test_the_slider_solves_for_the_size_of_the_clip(monkeypatch):
    asked = {}

    class Solver:
        def __init__(self, profile, times, **more):
            asked.update(more)

        def least_budget(self):
            return 0.05

        def solve(self, density):
            return SimpleNamespace(plan="solved", density=density)

    monkeypatch.setattr(speed_quality, "Solver", Solver)
    monkeypatch.setattr(speed_quality, "profile_of", lambda plan: "a profile")
    made = speed_quality.Slider(SimpleNamespace(provenance={}, facts=None), "made")
    plan, how = made.plan_for(0.25, SliderRun((0.9, 0.4), 1, (9, 12, 20), "euler", 8.0))
    assert (plan, asked["grid"], asked["expert_at"]) == ("solved", (9, 12, 20), [1, 1])
    assert (asked["sampler"], asked["shift"]) == ("euler", 8.0)
    assert how == "speed-quality 0.25: solved again for density 0.25"


def test_a_plan_file_that_went_is_named():
    with pytest.raises(FileNotFoundError, match=r'the plan "gone\.json" is not in models/sparse_plans'):
        plan_store.load("gone.json")


def test_a_damaged_plan_names_file_and_field(plans):
    put(plans, "c", patterns=[{"kind": "zig"}])
    with pytest.raises(twill_vdit.Error, match=r"c\.json: patterns\[0\]\.kind"):
        plan_store.load("c.json")
