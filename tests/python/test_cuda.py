# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The operator on a CUDA device against the definition in float64; skipped where there is no kernel for the device."""

import pytest
import torch

import pattern_oracle as oracle
import plan_texts
import twill_vdit
from attention_cases import LAYOUTS, ORDERS, PATTERNS
from binary_kernels import why_no_kernel
from tolerance import assert_as_exact_as_torch, masked_attention
from twill_vdit import Error, call_measures, search, sparse_attention
from twill_vdit import profiler as profiler_module
from twill_vdit.plan import ModelShape, StackShape

pytestmark = pytest.mark.skipif(why_no_kernel() != "", reason=why_no_kernel() or "it runs")
SCALE = 64**-0.5


@pytest.fixture(scope="module")
def plan():
    layers = [[plan_texts.with_order(p, order) for p in PATTERNS.values()] for order in ORDERS.values()]
    return twill_vdit.parse_plan(plan_texts.plan_text(layers, dense_above=0.9), "made.json")


def tensors(layout, dtype):
    generator = torch.Generator().manual_seed(7)
    shape = (2, layout.tokens, len(PATTERNS), 64)  # views of (B, N, H x D), as ComfyUI hands them over
    return [torch.randn(shape, generator=generator).to(dtype).cuda().transpose(1, 2) for _ in "qkv"]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("layer", range(len(ORDERS)))
@pytest.mark.parametrize("layout_name", LAYOUTS)
def test_it_is_as_exact_as_torch(plan, layout_name, layer, dtype):
    layout = LAYOUTS[layout_name]
    compiled = twill_vdit.compile_plan(plan, layout)
    q, k, v = tensors(layout, dtype)
    out = sparse_attention(q, k, v, compiled, layer=layer, segment=0)
    order = list(ORDERS.values())[layer]
    for head, pattern in enumerate(PATTERNS.values()):
        ours, values = out[:, head], v[:, head]
        if pattern.kind == "mean":
            exact = values.double().mean(dim=1, keepdim=True).expand_as(values)
            same = values.mean(dim=1, keepdim=True).expand_as(values)
        else:
            mask = torch.from_numpy(oracle.computed_mask(pattern, layout, order)).cuda()
            exact = masked_attention(q[:, head].double(), k[:, head].double(), values.double(), mask, SCALE)
            same = masked_attention(q[:, head], k[:, head], values, mask, SCALE)
        assert_as_exact_as_torch(ours, exact, same)


def test_segments_take_turns(plan):
    layout = LAYOUTS["text_behind"]
    compiled = twill_vdit.compile_plan(plan, layout)
    q, k, v = tensors(layout, torch.bfloat16)
    sparse = sparse_attention(q, k, v, compiled, layer=0, t=0.5)
    dense = sparse_attention(q, k, v, compiled, layer=0, t=0.95)
    assert torch.equal(sparse_attention(q, k, v, compiled, layer=0, t=0.5), sparse)
    skip = list(PATTERNS).index("skip")
    assert not sparse[:, skip].any()
    assert dense[:, skip].any()


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ({"layer": 0, "segment": 2}, "segment 2 is not one of 0..1"),
        ({"layer": 3, "segment": 0}, "layer 3 is not one of the 3 of stack 0"),
        ({"layer": 0, "segment": 0, "expert": 1}, "expert 1 is not one of 0..0"),
    ],
)
def test_a_place_outside_the_plan_is_refused(plan, place, text):
    layout = LAYOUTS["one_frame"]
    with pytest.raises(Error, match=text):
        sparse_attention(*tensors(layout, torch.bfloat16), twill_vdit.compile_plan(plan, layout), **place)


def test_a_captured_graph_follows_the_plans_time(plan):
    layout = LAYOUTS["text_in_front_and_behind"]
    compiled = twill_vdit.compile_plan(plan, layout)
    q, k, v = tensors(layout, torch.bfloat16)
    alone = [sparse_attention(q, k, v, compiled, layer=1, segment=segment) for segment in (0, 1)]
    assert not torch.equal(*alone)
    compiled.set_time(0.5, device="cuda")
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        sparse_attention(q, k, v, compiled, layer=1)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        follows = sparse_attention(q, k, v, compiled, layer=1)
        frozen = sparse_attention(q, k, v, compiled, layer=1, segment=1)
    for t, segment in ((0.95, 1), (0.5, 0), (0.95, 1)):
        compiled.set_time(t, device="cuda")
        graph.replay()
        torch.cuda.synchronize()
        assert torch.equal(follows, alone[segment])
        assert torch.equal(frozen, alone[1])
    # A call that names its segment leaves the plan's time as it was.
    sparse_attention(q, k, v, compiled, layer=1, segment=0)
    graph.replay()
    assert torch.equal(follows, alone[1])


def test_it_waits_for_nothing(plan):
    layout = LAYOUTS["text_behind"]
    compiled = twill_vdit.compile_plan(plan, layout)
    q, k, v = tensors(layout, torch.bfloat16)
    compiled.set_time(0.5, device="cuda")
    sparse_attention(q, k, v, compiled, layer=0)
    torch.cuda.set_sync_debug_mode("error")
    try:
        sparse_attention(q, k, v, compiled, layer=0)
        compiled.set_time(0.95, device="cuda")
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_a_model_compiled_with_graphs_follows_the_plans_time(plan):
    """mode="reduce-overhead": torch captures the operator in graphs of its own."""
    layout = LAYOUTS["text_behind"]
    compiled = twill_vdit.compile_plan(plan, layout)
    q, k, v = tensors(layout, torch.bfloat16)
    compiled.set_time(0.5, device="cuda")

    def block(q, k, v):
        return sparse_attention(q * 2.0, k, v, compiled, layer=0) + q

    made = torch.compile(block, fullgraph=True, mode="reduce-overhead")
    for t in (0.5, 0.5, 0.5, 0.95, 0.5, 0.95):
        compiled.set_time(t, device="cuda")
        torch.compiler.cudagraph_mark_step_begin()
        assert torch.equal(made(q, k, v), block(q, k, v)), t


@pytest.mark.parametrize("backend", ["flex", "eager"])
@pytest.mark.parametrize("layer", range(len(ORDERS)))
def test_the_other_forms_agree_with_the_kernels(plan, backend, layer):
    layout = LAYOUTS["text_in_front_and_behind"]
    q, k, v = tensors(layout, torch.bfloat16)
    ours = sparse_attention(q, k, v, twill_vdit.compile_plan(plan, layout), layer=layer, segment=0)
    other = twill_vdit.compile_plan(plan, layout, backend=backend)
    theirs = sparse_attention(q, k, v, other, layer=layer, segment=0)
    torch.testing.assert_close(theirs, ours, rtol=2e-2, atol=2e-2)
    other.set_time(0.5, device="cuda")
    graph = torch.cuda.CUDAGraph()
    with pytest.raises(Error, match="a CUDA graph cannot follow the plan's time"), torch.cuda.graph(graph):
        sparse_attention(q, k, v, other, layer=layer)


def found_by_a_profile(device, dtype, change=lambda x: x):
    """(points of the Pareto front, mean maps) of a profile measured on the device."""
    layout = twill_vdit.TokenLayout(frames=6, rows=9, cols=17, prefix=5, suffix=30)
    model = ModelShape("made", ("default",), (StackShape("blocks", 1, len(PATTERNS)),), 64)
    profiler = search.Profiler(model, layout, t=[0.5], prompts=["made"], rows=64, map_size=12)
    q, k, v = (change(x.to(device)) for x in tensors(layout, dtype))
    profiler.observe(4 * q, k, v, [1.0] * len(PATTERNS), t_index=0, layer=0)
    profiler.finish_unit(0)
    solver = search.Solver(profiler.finish(), [0.5], dense_first_steps=0)
    return solver.pareto_front(17), profiler.mean_maps()


@pytest.fixture(params=["kernels", "torch"])
def form(request, monkeypatch):
    if request.param == "torch":
        for module in (profiler_module, call_measures):
            monkeypatch.setattr(module, "why_no_kernels", lambda call: "the test asks for torch")
    else:
        monkeypatch.setattr("twill_vdit.measuring.Measuring.errors", lambda *_: pytest.fail("torch measured"))
    return request.param


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32], ids=str)
def test_a_profile_measured_there_is_the_cpus(dtype, form):
    if dtype == torch.float32 and form == "kernels":
        pytest.skip("there is no CUDA kernel for float32")
    there, map_there = found_by_a_profile("cuda", dtype)
    here, map_here = found_by_a_profile("cpu", dtype)
    allowed = 1e-4 if dtype == torch.float32 else 2e-2  # the CPU rounds weights to 16-bit dtypes
    for a, b in zip(there, here, strict=True):
        assert a == pytest.approx(b, rel=allowed, abs=1e-4)
    assert map_there == pytest.approx(map_here, abs=1e-5)


def test_a_profile_measured_there_has_the_same_bits_each_time(form):
    (front, maps), (again, maps_again) = (found_by_a_profile("cuda", torch.bfloat16) for _ in range(2))
    assert front == again
    assert (maps == maps_again).all()


# Elsewhere heads stand beside each other in a row; rows that do not begin at 16 bytes are copied.
@pytest.mark.parametrize("change", [
    pytest.param(lambda x: x.contiguous(), id="contiguous"),
    pytest.param(lambda x: torch.nn.functional.pad(x, (1, 3))[..., 1:-3], id="rows_of_no_whole_16_bytes"),
])  # fmt: skip
def test_a_profile_does_not_depend_on_strides(form, change):
    front, maps = found_by_a_profile("cuda", torch.bfloat16, change)
    expected, expected_maps = found_by_a_profile("cuda", torch.bfloat16)
    if form == "kernels":
        assert front == expected
        assert (maps == expected_maps).all()
    for a, b in zip(front, expected, strict=True):
        assert a == pytest.approx(b, rel=1e-5)
    assert maps == pytest.approx(expected_maps, rel=1e-5, abs=1e-7)
