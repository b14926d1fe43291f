# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What versions of ComfyUI after 0.30 do, by stand-ins for it.

There a model may hand q, k and v over in containers that give their tensor once. An override that has the
attribute container_function is called with the containers and without the function; any other with the function and
the tensors. What a forward allocates may be recorded and replayed, except while pause_malloc_graph() holds.
"""

import contextlib

import comfy.ldm.modules.attention as attention
import comfy.ldm.wan.model as wan
import comfy.model_prefetch
import pytest
import torch
from made_plans import plan_for
from small_models import CASES, build, sample
from twill_pack.twill_nodes.patch.apply import OVERRIDE, apply_plan, patch_of
from twill_pack.twill_nodes.settings import Settings

from twill_vdit.running import run

CASE = CASES["wan_t2v"]


@pytest.fixture(scope="module")
def model():
    return build(CASE)


class Container:
    def __init__(self, tensor):
        self.tensor = tensor

    def take(self):
        tensor, self.tensor = self.tensor, None
        assert tensor is not None, "a container was emptied twice"
        return tensor


def handed_in_containers(counts):
    """The attention of 0.30 behind the calling convention of the newer one."""
    plain = attention.optimized_attention

    def dispatch(q, k, v, *args, **kwargs):
        options = kwargs.get("transformer_options") or {}
        containers = tuple(map(Container, (q, k, v)))
        override = options.get(OVERRIDE)
        if hasattr(override, "container_function"):
            counts.append("containers")
            return override.container_function(*containers, *args, **kwargs)
        counts.append("tensors")
        return plain(*(each.take() for each in containers), *args, **kwargs)

    return dispatch


@pytest.fixture
def newer(monkeypatch):
    counts = []
    monkeypatch.setattr(wan, "optimized_attention", handed_in_containers(counts))
    return counts


def applied(model, settings=None):
    patched, why = apply_plan(model, plan_for(CASE), settings or Settings(min_tokens=0))
    assert why == ""
    return patched


def test_a_call_in_containers_gives_the_same_bits(model, newer, monkeypatch):
    patched = applied(model)
    out = sample(patched, CASE)
    sparse = patch_of(patched).report.sparse
    assert sparse > 0 and newer and set(newer) == {"tensors"}
    monkeypatch.undo()
    assert torch.equal(out, sample(applied(model), CASE))


def test_an_override_for_containers_before_ours_serves_what_is_dense(model, newer):
    """It is asked with tensors, as it must take them too."""

    class Before:
        calls = 0

        def __call__(self, func, *args, **kwargs):
            assert all(isinstance(tensor, torch.Tensor) for tensor in args[:3])
            self.calls += 1
            return func(*args, **kwargs)

        def container_function(self, *args, **kwargs):
            raise AssertionError("ours stands in front of it")

    before, clone = Before(), model.clone()
    clone.model_options.setdefault("transformer_options", {})[OVERRIDE] = before
    patched = applied(clone, Settings(min_tokens=0, dense_blocks="0"))
    sample(patched, CASE)
    report = patch_of(patched).report
    assert before.calls >= sum(report.dense.values()) > 0 and report.sparse > 0


def test_tables_that_outlive_a_forward_are_kept_out_of_a_recording(model, monkeypatch):
    paused, seen = [], []

    @contextlib.contextmanager
    def pause_malloc_graph():
        paused.append(True)
        try:
            yield
        finally:
            paused.pop()

    monkeypatch.setattr(comfy.model_prefetch, "pause_malloc_graph", pause_malloc_graph, raising=False)
    compile_plan = run.compile_plan

    def watched(*args, **kwargs):
        seen.append(bool(paused))
        return compile_plan(*args, **kwargs)

    monkeypatch.setattr(run, "compile_plan", watched)
    patched = applied(model)
    sample(patched, CASE)
    assert seen and all(seen) and not paused and patch_of(patched).report.sparse > 0
