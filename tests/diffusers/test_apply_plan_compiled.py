# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Plans in compiled transformers: nothing breaks the graph, one graph serves all blocks and all t, all is counted."""

import pytest
import tiny_plans as plans
import torch
from tiny_transformers import TINY, run

import twill_vdit.diffusers

pytestmark = pytest.mark.slow

# Inductor would compile the same graphs for a minute.
BACKEND = "aot_eager"


@pytest.fixture(autouse=True)
def nothing_compiled_before():
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    yield
    torch._dynamo.reset()


def graphs():
    return torch._dynamo.utils.counters["stats"]["unique_graphs"]


def compile_blocks(transformer):
    transformer.compile_repeated_blocks(fullgraph=True, backend=BACKEND)
    return transformer


def compile_in_place(transformer):
    transformer.compile(fullgraph=True, backend=BACKEND)
    return transformer


def compile_anew(transformer):
    return torch.compile(transformer, fullgraph=True, backend=BACKEND)


WAYS = {
    "compile_repeated_blocks": compile_blocks,
    "compile_in_place": compile_in_place,
    "torch_compile": compile_anew,
}
# HunyuanVideo 1.5 reads a tensor's value in its forward, Mochi counts its text's tokens: neither compiles in one graph
# (diffusers 0.42.1), with a plan or without.
IN_ONE_GRAPH = [name for name in TINY if name not in ("hunyuan_video15", "mochi")]


@pytest.mark.parametrize("first", ["the_plan_first", "compiled_first"])
@pytest.mark.parametrize("way", WAYS)
def test_a_compiled_transformer_follows_the_plan(way, first):
    case = TINY["wan"]
    transformer, plan = case.made(), plans.plan_for(case, dense_above=0.8)
    early = first == "compiled_first"
    compiled = WAYS[way](transformer) if early else transformer
    with torch.no_grad():
        applied = twill_vdit.diffusers.apply_plan(compiled, plan)
        eager = {t: run(transformer, case.given(t)) for t in (0.9, 0.5, 0.3)} if not early else {}
        compiled = compiled if early else WAYS[way](transformer)
        outs = {t: run(compiled, case.given(t)) for t in (0.9, 0.5)}
        made = graphs()
        outs[0.3] = run(compiled, case.given(0.3))
        report = applied.report()
        applied.remove()
    assert graphs() == made, "compiled anew for another t"
    assert made == 1
    assert (report.sparse, sum(report.dense.values()), report.forwards) == (4, 2, 3)
    for t, expected in eager.items():
        torch.testing.assert_close(outs[t], expected)
    torch.testing.assert_close(run(compiled, case.given(0.5)), run(case.made(), case.given(0.5)))


@pytest.mark.parametrize("name", IN_ONE_GRAPH)
def test_every_family_compiles_in_one_graph(name):
    case = TINY[name]
    transformer, given = case.made(), case.given(batch=2)
    with torch.no_grad(), twill_vdit.diffusers.apply_plan(transformer, plans.plan_for(case)) as applied:
        expected = run(transformer, given)
        out = run(compile_in_place(transformer), given)
        report = applied.report()
    torch.testing.assert_close(out, expected, rtol=1e-3, atol=1e-4)
    assert report.sparse == 2 * case.layers and not report.dense
