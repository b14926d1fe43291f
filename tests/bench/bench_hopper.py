# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The Hopper kernel beside FlashAttention-4, cuDNN and the portable kernel, in turns.

FlashAttention-4 (flash-attn-4 and nvidia-cutlass-dsl on the path) runs dense and with block lists of 128 x 128 and of
128 x 64, which are made as ours are: the nearest blocks of a band, random blocks of the same share. TFLOP/s count the
cells of the list. Lists with a token order, and a layer of mixed heads, run beside the band of the same density. Every
case checks sampled rows against float64. Run with PYTHONPATH=<build>/core/python.
"""

import argparse
import importlib.metadata
import json
import sys
from pathlib import Path

import bench_cuda_cases as cases
import numpy as np
import run_facts
import torch
from bench_cuda import SHAPES, check_rows, cudnn_call, device_state, time_in_turns
from flash_attn.cute.block_sparsity import BlockSparseTensorsTorch
from flash_attn.cute.interface import _flash_attn_fwd

from twill_vdit import cuda

CASES = ("dense", "band 0.28", "band 0.10", "random 0.30", "random 0.10")
ORDERED = {"hunyuan-720p": ("multi_diagonal", "window", "mixed"), "wan-14b-720p": ("multi_diagonal", "window")}
# Beside which the portable kernel runs, too: python/twill_vdit/card_rules.py compares the two.
WITH_PORTABLE = ("dense", "band 0.28", "random 0.30")
BLOCKS = (128, 64)  # keys of a block of FlashAttention-4; queries are always 128


def block_mask(kind, density, tokens, keys):
    """[query blocks, key blocks], made as bench_cuda_cases makes the lists of 64 keys."""
    query_blocks, key_blocks = -(-tokens // cases.QUERY_TILE), -(-tokens // keys)
    if kind == "random":
        return np.random.default_rng(0).random((query_blocks, key_blocks)) < density
    queries = (np.arange(query_blocks)[:, None] + 0.5) * cases.QUERY_TILE
    distance = np.abs(queries - (np.arange(key_blocks)[None] + 0.5) * keys)
    return distance <= np.quantile(distance, density)


def flash_attention_4(q, k, v, out, mask=None, keys=0):
    """A call on [batch, tokens, heads, head_dim] tensors; the mask holds for all heads."""
    if mask is None:
        return lambda: _flash_attn_fwd(q, k, v, out=out)
    kept = torch.from_numpy(mask)
    counts = kept.sum(1).int()
    blocks = torch.argsort(~kept, dim=1, stable=True).int()
    placed = [x[None, None].cuda().contiguous() for x in (counts, blocks)]
    nothing = [torch.zeros_like(x) for x in placed]
    lists = BlockSparseTensorsTorch(
        mask_block_cnt=nothing[0],
        mask_block_idx=nothing[1],
        full_block_cnt=placed[0],
        full_block_idx=placed[1],
        block_size=(cases.QUERY_TILE, keys),
    )
    return lambda: _flash_attn_fwd(q, k, v, block_sparse_tensors=lists, out=out)


def time_in_random_turns(calls, rounds):
    """Milliseconds of each call, [rounds]. What runs right after a kernel that draws less power is faster, so the
    order is drawn for each round."""
    random = np.random.default_rng(0)
    times = {name: [] for name in calls}
    for _ in range(rounds):
        order = random.permutation(list(calls))
        for name, took in time_in_turns({name: calls[name] for name in order}, 1).items():
            times[name] += took
    return times


class Shape:
    """The tensors of one shape, as each library takes them."""

    def __init__(self, name):
        self.name = name
        self.batch, self.heads, self.tokens, self.head_dim = SHAPES[name]
        torch.manual_seed(0)
        self.qkv = [torch.randn(SHAPES[name], device="cuda", dtype=torch.bfloat16) for _ in "qkv"]
        self.tokens_first = [x.transpose(1, 2).contiguous() for x in self.qkv]
        self.out, self.out_tokens_first = torch.empty_like(self.qkv[0]), torch.empty_like(self.tokens_first[0])

    def flop(self, cells):
        return 4 * self.batch * self.head_dim * cells

    def ours(self, case, kernel=""):
        plan = cuda.DevicePlan(case.tables, self.out.device)
        return lambda: plan.run(*self.qkv, self.out, self.head_dim**-0.5, 0, kernel=kernel)

    def rivals(self, case_name):
        """(call, operations) by name."""
        if case_name == "dense":
            dense = self.flop(self.heads * self.tokens**2)
            return {
                "flash_attention_4": (flash_attention_4(*self.tokens_first, self.out_tokens_first), dense),
                "cudnn": (cudnn_call(*self.qkv), dense),
            }
        kind, density = case_name.split()
        found = {}
        for keys in BLOCKS:
            mask = block_mask(kind, float(density), self.tokens, keys)
            call = flash_attention_4(*self.tokens_first, self.out_tokens_first, mask, keys)
            work = self.flop(self.heads * int(mask.sum()) * cases.QUERY_TILE * keys)
            found[f"flash_attention_4_{keys}"] = (call, work)
        return found


def run_case(shape, case_name, rounds, report):
    case = cases.make(case_name, shape.name, shape.heads, shape.tokens)
    work = shape.flop(case.cells * cases.QUERY_TILE * cases.KEY_TILE)
    calls = {"hopper": (shape.ours(case, "hopper"), work)}
    error = check_rows(*shape.qkv, calls["hopper"][0](), case)
    if case_name in CASES:
        calls |= shape.rivals(case_name)
    else:
        band = cases.make(f"band {case.density}", shape.name, shape.heads, shape.tokens)
        calls["band"] = (
            shape.ours(band, "hopper"),
            shape.flop(band.cells * cases.QUERY_TILE * cases.KEY_TILE),
        )
    if case_name in WITH_PORTABLE:
        calls["portable"] = (shape.ours(case, "portable"), work)
    row = {"shape": shape.name, "case": case_name, "density": case.density, "relative_error": error}
    times = time_in_random_turns({who: call for who, (call, _) in calls.items()}, rounds)
    for who, took in times.items():
        operations = calls[who][1]
        row[who] = {
            "ms": float(np.median(took)),
            "tflops": operations / np.median(took) / 1e9,
            "tflops_range": [operations / max(took) / 1e9, operations / min(took) / 1e9],
        }
    row["state"] = device_state()
    report["attention"].append(row)
    print(json.dumps(row), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--shapes", nargs="*", default=list(SHAPES))
    arguments = parser.parse_args()
    versions = {name: importlib.metadata.version(name) for name in ("flash-attn-4", "nvidia-cutlass-dsl")}
    report = {
        "run": run_facts.run_facts(
            "hopper_h200",
            "python tests/bench/bench_hopper.py " + " ".join(sys.argv[1:]),
            torch.cuda.get_device_name(),
            run_facts.torch_versions() | versions,
        ),
        "metric": "TFLOP/s over the cells of the list, median of rounds in random turns",
        "inputs": "normal, bf16",
        "attention": [],
    }
    for name in arguments.shapes:
        shape = Shape(name)
        for case_name in (*CASES, *ORDERED.get(name, ())):
            run_case(shape, case_name, arguments.rounds, report)
            run_facts.write(arguments.out, report)
        del shape


if __name__ == "__main__":
    main()
