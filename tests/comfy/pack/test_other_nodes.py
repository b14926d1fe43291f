# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Nodes that attend in the plan's place: what they took is counted and named, and the advice can be followed."""

import pytest
from comfy.patcher_extension import CallbacksMP
from made_plans import plan_for
from small_models import CASES, build, sample
from twill_pack.twill_nodes.patch import notify
from twill_pack.twill_nodes.patch.apply import OVERRIDE, apply_plan, patch_of
from twill_pack.twill_nodes.patch.others import SPARSE_NODE
from twill_pack.twill_nodes.settings import Settings

CASE = CASES["wan_t2v"]
LAYERS, STEPS = 3, 10
ALL = Settings(min_tokens=0)


@pytest.fixture(scope="module")
def model():
    return build(CASE)


@pytest.fixture(autouse=True)
def told(monkeypatch):
    seen = []
    monkeypatch.setattr(notify, "warn", lambda summary, detail: seen.append(detail))
    return seen


def applied(model, settings=ALL):
    patched, why = apply_plan(model, plan_for(CASE), settings)
    assert why == ""
    return patched


def in_each_step(model, *, key, begin=3, hands_on=False):
    """A stand-in of core's Model Sparse Attention: from a step on it puts its attention on top before each forward."""
    patched, steps = model.clone(), []

    def put(patcher, timestep, model_options):
        steps.append(timestep)
        options = model_options.setdefault("transformer_options", {})
        earlier = options.get(OVERRIDE)
        if isinstance(earlier, Attention):
            earlier = earlier.earlier
        if len(steps) > begin:
            options[OVERRIDE] = Attention(earlier, hands_on)
        elif earlier is not None:
            options[OVERRIDE] = earlier

    patched.add_callback_with_key(CallbacksMP.ON_PREPARE_STATE, key, put)
    return patched


class Attention:
    def __init__(self, earlier, hands_on):
        self.earlier, self.hands_on = earlier, hands_on

    def __call__(self, func, *args, **kwargs):
        if self.hands_on and self.earlier is not None:
            return self.earlier(func, *args, **kwargs)
        return func(*args, **kwargs)


ORDERS = {
    "the_plan_last": lambda model, **how: applied(in_each_step(model, **how)),
    "the_plan_first": lambda model, **how: in_each_step(applied(model), **how),
}


@pytest.mark.parametrize("put", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize(
    ("key", "name", "advice"),
    [
        (SPARSE_NODE, "Model Sparse Attention", "remove Model Sparse Attention."),
        (
            "of_a_test",
            "Attention of test_other_nodes",
            "in each step, wherever it stands; remove it",
        ),
    ],
    ids=["cores_node", "another"],
)
def test_what_another_node_took_is_counted_named_and_warned_of(put, key, name, advice, model, told):
    patched = put(model, key=key)
    at_apply = list(told)
    sample(patched, CASE, steps=STEPS)
    report = patch_of(patched).report
    taken = f"another node's attention took them ({name})"
    assert report.dense[taken] == (STEPS - 3) * LAYERS
    assert report.calls == STEPS * LAYERS and report.sparse + report.dense["the plan says so"] == 3 * LAYERS
    assert f"{report.sparse} of 30 self-attention calls ran sparse in 10 forwards" in report.text()
    assert "nothing fell back" not in report.text()
    assert f"21 calls: {taken}" in report.warning() and advice in report.warning()
    assert "put Apply Sparse Plan after" not in report.warning()
    assert len(told) == len(at_apply) + 1
    of_cores_node_before = key == SPARSE_NODE and put is ORDERS["the_plan_last"]
    assert at_apply == (["Model Sparse Attention puts itself before the plan in each step; remove Model Sparse "
                         "Attention."] if of_cores_node_before else [])  # fmt: skip


@pytest.mark.parametrize("put", ORDERS.values(), ids=ORDERS)
def test_calls_that_another_node_hands_on_run_by_the_plan(put, model, told):
    plain = applied(model)
    sample(plain, CASE, steps=STEPS)
    patched = put(model, key="of_a_test", hands_on=True)
    told.clear()
    sample(patched, CASE, steps=STEPS)
    report, expected = patch_of(patched).report, patch_of(plain).report
    assert (report.sparse, report.dense) == (expected.sparse, expected.dense)
    assert report.warning() == "" and not told


def test_a_node_behind_the_plan_is_to_be_put_before_it(model):
    patched = applied(model)
    patched.model_options["transformer_options"][OVERRIDE] = lambda func, *args, **kwargs: func(*args, **kwargs)
    sample(patched, CASE, steps=2)
    report = patch_of(patched).report
    assert report.sparse == 0 and sum(report.dense.values()) == 2 * LAYERS
    assert "put Apply Sparse Plan after that node" in report.warning()


def test_a_model_that_never_asks_is_told_with_the_likely_reason(model, monkeypatch, told):
    """As where a node put attention functions of its own into the model's module."""
    import comfy.ldm.wan.model as module
    from comfy.ldm.modules.attention import attention_pytorch

    def without_options(*args, transformer_options=None, **kwargs):
        return attention_pytorch(*args, **kwargs)

    patched = applied(model)
    monkeypatch.setattr(module, "optimized_attention", without_options)
    sample(patched, CASE, steps=2)
    report = patch_of(patched).report
    assert (report.calls, report.forwards) == (0, 2)
    assert "nothing fell back" not in report.text()
    assert report.warning() == (
        "No call of self-attention reached the plan: another node put functions of its own into the model, or WanModel "
        "does not ask for patches of attention."
    )
    assert told == [report.warning()]


def test_a_class_that_never_asks_is_refused_by_name(model):
    network = model.get_model_object("diffusion_model")
    causal = type("CausalWanModel", (type(network),), {})
    clone = model.clone()
    stand_in = causal.__new__(causal)
    stand_in.__dict__.update(network.__dict__)
    clone.add_object_patch("diffusion_model", stand_in)
    same, why = apply_plan(clone, plan_for(CASE), ALL)
    assert same is clone
    assert why == "CausalWanModel does not ask for patches of attention, so no plan can run in it"


def test_a_run_below_min_tokens_is_warned_of_and_does_not_contradict_itself(model, told):
    """Sparse Sampler has 1,024 without a field for it."""
    patched = applied(model, Settings(min_tokens=100_000))
    sample(patched, CASE, steps=2)
    report = patch_of(patched).report
    assert "6 dense: fewer tokens than min tokens" in report.text() or report.dense["the plan says so"]
    assert "nothing fell back" not in report.text()
    assert "fewer tokens than min tokens" in report.warning() and told == [report.warning()]
