# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A plan on torch tensors: the binary module and plain torch against the definition in float64."""

import math
import os
import re
import subprocess
import warnings

import numpy as np
import pytest
import torch

import pattern_oracle as oracle
import plan_texts
import twill_vdit
from attention_cases import LAYOUTS, ORDERS, PATTERNS
from tolerance import assert_as_exact_as_torch, in_double, masked_attention
from twill_vdit import Error, eager, native, sparse_attention

needs_binary = pytest.mark.skipif(native.binary is None, reason=f"no binary module: {native.why_not}")
HEAD_DIM = 64
HEADS = len(PATTERNS)
SCALE = HEAD_DIM**-0.5


@pytest.fixture(scope="module")
def plan():
    """Layer i holds every pattern, a head each, in the i-th order; the segment near noise is dense."""
    layers = [[plan_texts.with_order(p, order) for p in PATTERNS.values()] for order in ORDERS.values()]
    return twill_vdit.parse_plan(plan_texts.plan_text(layers, dense_above=0.9), "made.json")


def tensors(layout, dtype, batch=2, heads=HEADS):
    generator = torch.Generator().manual_seed(7)
    return [torch.randn(batch, heads, layout.tokens, HEAD_DIM, generator=generator).to(dtype) for _ in "qkv"]


def expected(q, k, v, layout, order):
    """By the definition, in the dtype of the tensors."""
    heads = []
    for head, pattern in enumerate(PATTERNS.values()):
        if pattern.kind == "mean":
            heads.append(v[:, head].mean(dim=1, keepdim=True).expand_as(v[:, head]))
            continue
        mask = oracle.computed_mask(pattern, layout, order)
        heads.append(masked_attention(q[:, head], k[:, head], v[:, head], torch.from_numpy(mask), SCALE))
    return torch.stack(heads, dim=1)


def run_eager(q, k, v, compiled, layer):
    return eager.attention(q, k, v, compiled.tasks(0, 0, 0, layer), compiled.tile_list, SCALE)


def run_operator(q, k, v, compiled, layer):
    return sparse_attention(q, k, v, compiled, layer=layer, segment=0)


@pytest.mark.parametrize("run", [run_eager, pytest.param(run_operator, marks=needs_binary)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("layer", range(len(ORDERS)), ids=ORDERS)
@pytest.mark.parametrize("layout_name", ["ragged_last_tile", "text_in_front_and_behind"])
def test_it_is_as_exact_as_torch(plan, run, layout_name, layer, dtype):
    layout = LAYOUTS[layout_name]
    q, k, v = tensors(layout, dtype)
    order = list(ORDERS.values())[layer]
    exact = expected(q.double(), k.double(), v.double(), layout, order)
    same_dtype = expected(q, k, v, layout, order)
    out = run(q, k, v, twill_vdit.compile_plan(plan, layout), layer)
    assert out.dtype == dtype
    for head, name in enumerate(PATTERNS):
        try:
            assert_as_exact_as_torch(out[:, head], exact[:, head], same_dtype[:, head])
        except AssertionError as error:
            raise AssertionError(f"head {head} ({name}): {error}") from None


@needs_binary
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_the_order_left_to_the_compiler_is_the_same(pattern, layout):
    made = twill_vdit.parse_plan(plan_texts.plan_text([[pattern]]), "made.json")
    compiled = twill_vdit.compile_plan(made, layout)
    without_binary = plan_texts.without_binary(made, layout)
    (mode, index), (eager_mode, eager_index) = compiled.tasks(0, 0, 0, 0)[0], without_binary.tasks(0, 0, 0, 0)[0]
    assert mode == eager_mode
    assert compiled.density(0) == pytest.approx(without_binary.density(0), rel=1e-12)
    if mode == "sparse":
        ours, theirs = compiled.tile_list(index), without_binary.tile_list(eager_index)
        assert np.array_equal(ours.runs, theirs.runs)
        assert np.array_equal(ours.run_begin, theirs.run_begin)
        assert np.array_equal(
            ours.position_to_token if ours.position_to_token is not None else np.arange(layout.tokens),
            theirs.position_to_token if theirs.position_to_token is not None else np.arange(layout.tokens),
        )


@needs_binary
def test_tensors_may_be_strided(plan):
    layout = LAYOUTS["ragged_last_tile"]
    q, k, v = tensors(layout, torch.float32)
    compiled = twill_vdit.compile_plan(plan, layout)
    tokens_first = [x.transpose(1, 2).contiguous().transpose(1, 2) for x in (q, k, v)]
    head_dim_first = [x.transpose(1, 3).contiguous().transpose(1, 3) for x in (q, k, v)]
    out = run_operator(q, k, v, compiled, 0)
    assert torch.equal(out, run_operator(*tokens_first, compiled, 0))
    assert torch.equal(out, run_operator(*head_dim_first, compiled, 0))


@pytest.mark.parametrize("backend", ["eager", pytest.param("native_cpu", marks=needs_binary)])
def test_the_result_lies_in_memory_as_q_does(plan, backend):
    """Models hold heads beside tokens; a result that does too needs no copy."""
    layout = LAYOUTS["ragged_last_tile"]
    compiled = twill_vdit.compile_plan(plan, layout, backend=backend)
    heads_inside = [x.transpose(1, 2).contiguous().transpose(1, 2) for x in tensors(layout, torch.float32)]
    head_dim_outside = [x.transpose(2, 3).contiguous().transpose(2, 3) for x in heads_inside]
    plain = sparse_attention(*tensors(layout, torch.float32), compiled, layer=0, segment=0)
    assert plain.is_contiguous()
    for q, k, v in (heads_inside, head_dim_outside):
        out = sparse_attention(q, k, v, compiled, layer=0, segment=0)
        assert out.stride() == q.stride()
        torch.testing.assert_close(out, plain)


def test_t_picks_the_segment(plan):
    layout = LAYOUTS["text_behind"]
    q, k, v = tensors(layout, torch.float32)
    compiled = twill_vdit.compile_plan(plan, layout)
    dense, exact = (
        torch.nn.functional.scaled_dot_product_attention(*given) for given in ((q, k, v), in_double(q, k, v))
    )
    near_noise = sparse_attention(q, k, v, compiled, layer=0, t=0.95)
    assert_as_exact_as_torch(near_noise, exact, dense)
    at_the_border = sparse_attention(q, k, v, compiled, layer=0, t=0.9)
    assert torch.equal(at_the_border, sparse_attention(q, k, v, compiled, layer=0, segment=0))
    assert (at_the_border[:, list(PATTERNS).index("skip")] == 0).all()
    assert compiled.run_density([1.0, 0.5]) == pytest.approx((1.0 + compiled.density(0)) / 2)


@pytest.mark.parametrize("kind", [np.int64, np.uint8, torch.tensor], ids=["int64", "uint8", "tensor"])
def test_whole_numbers_of_other_libraries_are_taken(plan, kind):
    layout = LAYOUTS["one_frame"]
    q, k, v = tensors(layout, torch.float32)
    compiled = twill_vdit.compile_plan(plan, layout)
    out = sparse_attention(q, k, v, compiled, layer=kind(1), segment=kind(0), stack=kind(0), expert=kind(0))
    assert torch.equal(out, run_operator(q, k, v, compiled, 1))
    compiled.set_time(np.float32(0.5), expert=kind(0))
    assert torch.equal(out, sparse_attention(q, k, v, compiled, layer=kind(1)))
    assert compiled.density(kind(0), kind(0)) == compiled.density(0)
    assert compiled.run_density(np.array([1.0, 0.5]), np.array([0, 0])) == compiled.run_density([1.0, 0.5], [0, 0])


@pytest.mark.parametrize("scale", [0.0, -0.125, 1e-39])
@pytest.mark.parametrize("backend", ["eager", pytest.param("native_cpu", marks=needs_binary)])
def test_any_finite_scale(plan, backend, scale):
    layout = LAYOUTS["ragged_last_tile"]
    q, k, v = tensors(layout, torch.float32)
    compiled = twill_vdit.compile_plan(plan, layout, backend)
    out = sparse_attention(q, k, v, compiled, layer=0, t=0.95, scale=scale)  # a dense segment
    plain, exact = (
        torch.softmax(scale * (q @ k.transpose(2, 3)), -1) @ v for q, k, v in ((q, k, v), in_double(q, k, v))
    )
    assert_as_exact_as_torch(out, exact, plain)
    sparse = sparse_attention(q, k, v, compiled, layer=0, t=0.5, scale=scale)
    assert torch.isfinite(sparse).all()


def test_without_the_binary_it_runs_and_says_so(plan, monkeypatch):
    layout = LAYOUTS["one_frame"]
    q, k, v = tensors(layout, torch.float32)
    compiled = plan_texts.without_binary(plan, layout)
    monkeypatch.setattr(native, "binary", None)
    monkeypatch.setattr(native, "why_not", "taken away by a test")
    native.say_once.cache_clear()
    with pytest.warns(UserWarning, match=r"without its binary module.*taken away by a test"):
        out = run_operator(q, k, v, compiled, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(out, run_operator(q, k, v, compiled, 1))
    plain, exact = (expected(*given, layout, ORDERS["time_fastest"]) for given in ((q, k, v), in_double(q, k, v)))
    assert_as_exact_as_torch(out, exact, plain)


def test_a_dtype_without_a_kernel_runs_in_plain_torch_and_says_so(plan):
    layout = LAYOUTS["one_row"]
    q, k, v = tensors(layout, torch.float64)
    native.say_once.cache_clear()
    with pytest.warns(UserWarning, match=r"plain torch"):
        out = run_operator(q, k, v, twill_vdit.compile_plan(plan, layout), 0)
    torch.testing.assert_close(out, expected(q, k, v, layout, ORDERS["raster"]))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        pytest.param({"t": None}, r"give t or segment, or call plan.set_time\(t, device='cpu'\)", id="no_time"),
        pytest.param({"segment": 0}, "give either t or segment", id="two_times"),
        pytest.param({"segment": -1, "t": None}, "segment -1 is not one of", id="negative_segment"),
        pytest.param({"segment": 7, "t": None}, "segment 7 is not one of", id="no_such_segment"),
        pytest.param({"layer": 99}, "layer 99 is not one of", id="no_such_layer"),
        pytest.param({"stack": 2}, "stack 2 is not one of", id="no_such_stack"),
        pytest.param({"expert": -1}, "expert -1 is not one of", id="no_such_expert"),
        pytest.param({"layer": 0.5}, "layer 0.5 is not a whole number", id="half_a_layer"),
        pytest.param({"scale": math.inf}, "scale inf is not finite", id="infinite_scale"),
        pytest.param({"scale": math.nan}, "scale nan is not finite", id="scale_that_is_no_number"),
    ],
)
def test_a_wrong_call_is_refused_by_text(plan, change, text):
    layout = LAYOUTS["one_frame"]
    q, k, v = tensors(layout, torch.float32)
    with pytest.raises(Error, match=text):
        sparse_attention(q, k, v, twill_vdit.compile_plan(plan, layout), **{"layer": 0, "t": 0.5, **change})


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        pytest.param((1, len(PATTERNS), 3, HEAD_DIM), "3 tokens, but the plan has", id="other_layout"),
        pytest.param((1, 2, 65, HEAD_DIM), "2 heads, but the plan has", id="other_model"),
        pytest.param(
            (1, len(PATTERNS), 65, 128), f"q: head_dim 128, but the plan is for {HEAD_DIM}", id="other_head_dim"
        ),
        pytest.param((len(PATTERNS), 65, HEAD_DIM), "3 axes, not", id="no_batch_axis"),
    ],
)
def test_wrong_tensors_are_refused_by_text(plan, shape, text):
    x = torch.zeros(shape)
    with pytest.raises(Error, match=re.escape(text)):
        sparse_attention(x, x, x, twill_vdit.compile_plan(plan, LAYOUTS["one_frame"]), layer=0, t=0.5)


@needs_binary
def test_the_binary_links_no_libtorch():
    listed = subprocess.run(["readelf", "-d", native.binary.__file__], check=True, capture_output=True, text=True)
    needed = re.findall(r"NEEDED.*\[(.*)\]", listed.stdout)
    assert needed
    assert not [name for name in needed if re.search("torch|c10", name)]


@pytest.mark.skipif("TWILL_BUILD_DIR" not in os.environ, reason="TWILL_BUILD_DIR names no build to look at")
def test_the_build_has_a_binary_that_loads():
    assert native.why_not == ""
