# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The operators inside compiled models, and the time that a plan keeps for them."""

import pytest
import torch
from torch._dynamo.testing import CompileCounter

import plan_texts
import twill_vdit
from attention_cases import LAYOUTS, ORDERS, PATTERNS
from twill_vdit import Error, sparse_attention

LAYOUT = LAYOUTS["ragged_last_tile"]
HEAD_DIM = 64
SCALE = HEAD_DIM**-0.5
OPERATORS = ["sparse_attention", "sparse_attention_outside_graphs"]


@pytest.fixture(scope="module")
def plan():
    layers = [[plan_texts.with_order(p, order) for p in PATTERNS.values()] for order in ORDERS.values()]
    return twill_vdit.parse_plan(plan_texts.plan_text(layers, dense_above=0.9), "made.json")


@pytest.fixture
def compiled(plan):
    torch.compiler.reset()
    return twill_vdit.compile_plan(plan, LAYOUT)


def tensors(dtype=torch.float32):
    generator = torch.Generator().manual_seed(7)
    shape = (1, len(PATTERNS), LAYOUT.tokens, HEAD_DIM)
    return [torch.randn(shape, generator=generator).to(dtype) for _ in "qkv"]


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_opcheck_passes(compiled, name, dtype):
    compiled.set_time(0.5)
    operator = getattr(torch.ops.twill_vdit, name).default
    for segment in (0, 1, -1):
        torch.library.opcheck(operator, (*tensors(dtype), compiled.handle, segment, 0, 0, 1, SCALE))


def test_without_a_time_it_is_the_plans_own(compiled):
    q, k, v = tensors()
    for t in (0.95, 0.5, 1.0, 0.0):
        compiled.set_time(t)
        own = sparse_attention(q, k, v, compiled, layer=0)
        assert torch.equal(own, sparse_attention(q, k, v, compiled, layer=0, t=t))
    with pytest.raises(Error, match="expert 1 is not one of the model's 1"):
        compiled.set_time(0.5, expert=1)


def test_plans_keep_their_times_apart(plan):
    q, k, v = tensors()
    early, late = twill_vdit.compile_plan(plan, LAYOUT), twill_vdit.compile_plan(plan, LAYOUT)
    early.set_time(0.95)
    late.set_time(0.5)
    assert torch.equal(sparse_attention(q, k, v, early, layer=0), sparse_attention(q, k, v, early, layer=0, segment=1))
    assert torch.equal(sparse_attention(q, k, v, late, layer=0), sparse_attention(q, k, v, late, layer=0, segment=0))


@pytest.mark.parametrize("compile_backend", ["aot_eager", "inductor"])
def test_a_compiled_model_follows_the_plans_time_without_compiling_again(compiled, compile_backend):
    """fullgraph: a graph break would raise."""

    def block(q, k, v):
        return sparse_attention(q * 2.0, k, v, compiled, layer=1) + q

    counter = CompileCounter()
    counting = torch.compile(block, fullgraph=True, backend=counter)
    made = torch.compile(block, fullgraph=True, backend=compile_backend)
    q, k, v = tensors()
    answers = []
    for t in (1.0, 0.95, 0.5, 0.3, 0.95):
        compiled.set_time(t)
        expected = block(q, k, v)
        torch.testing.assert_close(made(q, k, v), expected)
        counting(q, k, v)
        answers.append(expected)
    assert not torch.allclose(answers[0], answers[2])  # the segments do differ
    assert counter.frame_count == 1
    assert counter.op_count == 3


def test_many_layers_share_one_compiled_block(compiled):
    class Block(torch.nn.Module):
        def __init__(self, layer):
            super().__init__()
            self.layer = layer

        def forward(self, q, k, v):
            return sparse_attention(q, k, v, compiled, layer=self.layer)

    compiled.set_time(0.5)
    q, k, v = tensors()
    for layer in range(len(ORDERS)):
        block = Block(layer)
        made = torch.compile(block, fullgraph=True, backend="aot_eager")
        assert torch.equal(made(q, k, v), block(q, k, v))


def test_several_threads_share_a_plan(compiled):
    """Each device has its own time; on one device calls may come from several threads."""
    from concurrent.futures import ThreadPoolExecutor

    compiled.set_time(0.5)
    q, k, v = tensors()
    expected = [sparse_attention(q, k, v, compiled, layer=layer) for layer in range(len(ORDERS))]
    with ThreadPoolExecutor(4) as pool:
        layers = [i % len(ORDERS) for i in range(24)]
        calls = [(layer, pool.submit(sparse_attention, q, k, v, compiled, layer=layer)) for layer in layers]
        for layer, call in calls:
            assert torch.equal(call.result(), expected[layer])


def test_it_has_no_gradient_and_says_so(compiled):
    q, k, v = tensors()
    out = sparse_attention(q.requires_grad_(), k, v, compiled, layer=0, t=0.5)
    with pytest.raises(RuntimeError, match=r"twill_vdit.sparse_attention"):
        out.sum().backward()
