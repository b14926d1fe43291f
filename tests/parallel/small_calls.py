# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A plan of two stacks, and calls of it: whole, and as the ranks of a group have them."""

import json

import torch

import twill_vdit
from twill_vdit.parallel import TokenShares, equal_shares, parallel_attention, parallel_plan
from twill_vdit.parallel.attention import ParallelPlan

HEADS, HEAD_DIM = 5, 32
PATTERNS = [
    {"kind": "dense"},
    {"kind": "window", "frames": 1, "rows": 0.25, "cols": 0.25},
    {"kind": "vertical_stripe", "boxes": [{"frame_begin": 0, "frame_end": 1}]},
    {"kind": "mean"},
    {"kind": "skip"},
]
DENSE, WINDOW, STRIPE, MEAN, SKIP = range(5)
# Patterns of the heads of each layer, by stack; every layer has heads of other costs.
FIRST = {
    "double": [[DENSE, WINDOW, STRIPE, MEAN, SKIP], [WINDOW, WINDOW, STRIPE, STRIPE, STRIPE]],
    "single": [[MEAN, SKIP, MEAN, SKIP, MEAN], [DENSE, DENSE, WINDOW, MEAN, WINDOW]],
}
LAST = {
    "double": [[SKIP, DENSE, MEAN, WINDOW, DENSE], [SKIP, SKIP, SKIP, SKIP, SKIP]],
    "single": [[WINDOW, STRIPE, WINDOW, STRIPE, DENSE], [STRIPE, STRIPE, STRIPE, STRIPE, STRIPE]],
}
LAYERS = [(0, 0), (0, 1), (1, 0), (1, 1)]
TIMES = 0.2, 0.6, 0.95  # of each segment


def plan(int8=False):
    def heads(stacks):
        if not int8:
            return stacks

        def entry(pattern):
            return {"pattern": pattern, "precision": "int8"} if pattern in (WINDOW, STRIPE) else pattern

        return {name: [[entry(each) for each in layer] for layer in layers] for name, layers in stacks.items()}

    return twill_vdit.parse_plan(
        json.dumps(
            {
                "schema_version": "1.2" if int8 else "1.0",
                "name": "made by a test",
                "model": {
                    "family": "hunyuanvideo",
                    "experts": ["default"],
                    "stacks": [{"name": name, "layers": 2, "heads": HEADS} for name in FIRST],
                    "head_dim": HEAD_DIM,
                },
                "patterns": PATTERNS,
                "segments": [
                    {"t_begin": 0, "t_end": 0.5, "heads": {"default": heads(LAST)}},
                    {"t_begin": 0.5, "t_end": 0.9, "heads": {"default": heads(FIRST)}},
                    {"t_begin": 0.9, "t_end": 1, "dense": True},
                ],
            }
        )
    )


def layout(text="behind"):
    beside = {"behind": {"suffix": 11}, "in_front": {"prefix": 11}, "none": {}}[text]
    return twill_vdit.TokenLayout(frames=3, rows=8, cols=12, **beside)


def call(shape_of, batch=1, dtype=torch.float32, tokens_first=True):
    """q, k and v of a whole call; in memory tokens stand before heads, as networks have them, or not."""
    generator = torch.Generator().manual_seed(3)
    axes = (batch, shape_of.tokens, HEADS, HEAD_DIM) if tokens_first else (batch, HEADS, shape_of.tokens, HEAD_DIM)
    made = [torch.randn(axes, generator=generator).to(dtype) for _ in range(3)]
    return [x.transpose(1, 2) if tokens_first else x for x in made]


def of_rank(x, rank, shares):
    """[batch, heads, the rank's tokens, head_dim] of a whole tensor."""
    parts, begin = [], 0
    for stretch in shares.stretches:
        first = begin + sum(stretch[:rank])
        parts.append(x[:, :, first : first + stretch[rank]])
        begin += sum(stretch)
    axes = (0, 2, 1, 3) if x.stride(2) > x.stride(1) else (0, 1, 2, 3)
    return torch.cat(parts, dim=2).permute(axes).contiguous().permute(axes)


def whole_of(parts, shares):
    """What of_rank has taken apart."""
    stretches, begins = [], [0] * len(parts)
    for stretch in shares.stretches:
        for rank, tokens in enumerate(stretch):
            stretches.append(parts[rank][:, :, begins[rank] : begins[rank] + tokens])
            begins[rank] += tokens
    return torch.cat(stretches, dim=2)


def spread(case, ranks):
    """TokenShares of a case: how the tokens stand."""
    shape_of = layout(case.get("text", "behind"))
    kind = case.get("spread", "apart")
    if kind == "uneven":
        of_first = shape_of.tokens // (ranks + 3)
        rest = TokenShares.even(twill_vdit.TokenLayout(frames=1, rows=1, cols=shape_of.tokens - of_first), ranks - 1)
        return TokenShares(((of_first, *rest.stretches[0]),))
    return TokenShares.even(shape_of, ranks, apart=kind == "apart")


def attend_cases(rank, cases):
    """This rank's part of the output of each case, at all layers and times: [case][(time, layer)]."""
    import torch.distributed as dist

    ranks, results = dist.get_world_size(), []
    for case in cases:
        shape_of, shares = layout(case.get("text", "behind")), spread(case, ranks)
        compiled = twill_vdit.compile_plan(plan(), shape_of)
        reshare = (lambda each: equal_shares(each, ranks)) if case.get("equal") else (lambda each: each)
        parallel = ParallelPlan(compiled, None, shares, pieces=case.get("pieces", 4), reshare=reshare)
        dtype = getattr(torch, case.get("dtype", "float32"))
        whole = call(shape_of, case.get("batch", 1), dtype, case.get("tokens_first", True))
        q, k, v = (of_rank(x, rank, shares) for x in whole)
        done = {}
        for t in TIMES:
            for stack, layer in LAYERS:
                dense = sdpa if case.get("dense") == "host" else None
                out = parallel_attention(
                    q, k, v, parallel, stack=stack, layer=layer, t=t, scale=case.get("scale"), dense=dense
                )
                assert out.stride() == q.stride(), "another order of axes"
                done[t, stack, layer] = out.numpy(force=True) if dtype == torch.float32 else out.float().numpy()
        results.append(done)
    return results


def sdpa(q, k, v, scale):
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, scale=scale)


def other_plans(rank):
    """Each rank has a plan of its own."""
    shape_of = layout("none" if rank else "behind")
    parallel_plan(plan(), shape_of)


def a_rank_that_dies(rank):
    """One rank ends before the call."""
    import os

    shape_of = layout()
    parallel = parallel_plan(plan(), shape_of)
    if rank == 1:
        os._exit(7)
    q, k, v = (of_rank(x, rank, parallel.tokens) for x in call(shape_of))
    parallel_attention(q, k, v, parallel, layer=0, t=0.2)
