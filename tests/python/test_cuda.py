# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The operator on a CUDA device against the definition in float64; skipped where there is no kernel for the device."""

import pytest
import torch

import pattern_oracle as oracle
import plan_texts
import twill_vdit
from attention_cases import LAYOUTS, ORDERS, PATTERNS
from tolerance import assert_as_exact_as_torch, masked_attention
from twill_vdit import Error, native, sparse_attention


def why_no_kernel():
    if native.binary is None:
        return f"no binary module: {native.why_not}"
    if not torch.cuda.is_available():
        return "no CUDA device"
    from twill_vdit import cuda

    return cuda.why_not(torch.empty(1, 1, 1, 64, dtype=torch.bfloat16, device="cuda"), 0.125)


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
