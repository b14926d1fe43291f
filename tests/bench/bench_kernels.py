# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The portable CUDA kernels beside PyTorch's FlashAttention-2, in turns.

They are timed where a better kernel runs, too: an H200 stands in for cards that are not at hand, as far as it can (its
tensor cores are faster than its shared memory; GeForce cards have it the other way round). TFLOP/s count the cells of
the list, 4 x 128 x 64 x head_dim each. The order changes with every round, and what draws much more power (the Hopper
kernel, cuDNN) is not among the turns: right after the Hopper kernel the same code was 4 % slower. Every case checks
sampled rows against float64. Run with PYTHONPATH=<build>/core/python.
"""

import argparse
import json
import sys
from pathlib import Path

import bench_cuda_cases as cases
import numpy as np
import run_facts
import torch
import torch.nn.functional as functional
from bench_cuda import SHAPES, check_rows, device_state, time_in_turns
from torch.nn.attention import SDPBackend, sdpa_kernel

from twill_vdit import cuda

KERNELS = ("portable", "compact")
CASES = ("dense", "band 0.28", "random 0.30")
# Beside those of bench_cuda: the head sizes that no large model of the list has.
MORE_SHAPES = {"head-dim-96": (1, 16, 32760, 96), "head-dim-256": (1, 8, 32760, 256)}
RIVAL = "flash_attention_2"


def flash_attention_2(q, k, v):
    def call():
        with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
            return functional.scaled_dot_product_attention(q, k, v)

    return call


def time_in_changing_turns(calls, rounds):
    """Milliseconds of each call, [rounds]; each round begins with another call."""
    names = list(calls)
    times = {name: [] for name in names}
    for round_ in range(rounds):
        first = round_ % len(names)
        order = names[first:] + names[:first]
        for name, took in time_in_turns({name: calls[name] for name in order}, 1).items():
            times[name] += took
    return times


def run_case(name, case_name, tensors, rounds, report):
    q, k, v = tensors
    batch, heads, tokens, head_dim = q.shape
    case = cases.make(case_name, name, heads, tokens)
    on_device = cuda.DevicePlan(case.tables, q.device)
    out = torch.empty_like(q)
    calls, errors = {RIVAL: flash_attention_2(q, k, v)}, {}
    for kernel in KERNELS:
        call = lambda kernel=kernel: on_device.run(q, k, v, out, head_dim**-0.5, 0, kernel=kernel)  # noqa: E731
        errors[kernel] = check_rows(q, k, v, call(), case)
        calls[kernel] = call
    dense_cells = 4 * tokens * tokens * head_dim * heads * batch
    kept_cells = 4 * cases.QUERY_TILE * cases.KEY_TILE * head_dim * case.cells * batch
    row = {"shape": name, "case": case_name, "density": case.density, "relative_error": errors}
    for who, took in time_in_changing_turns(calls, rounds).items():
        work = dense_cells if who == RIVAL else kept_cells
        row[who] = {
            "ms": float(np.median(took)),
            "tflops": work / np.median(took) / 1e9,
            "tflops_range": [work / max(took) / 1e9, work / min(took) / 1e9],
        }
    row["state"] = device_state()
    report["attention"].append(row)
    print(json.dumps(row), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--shapes", nargs="*", default=[*SHAPES, *MORE_SHAPES])
    arguments = parser.parse_args()
    report = {
        "run": run_facts.run_facts(
            "kernels_h200",
            "python tests/bench/bench_kernels.py " + " ".join(sys.argv[1:]),
            torch.cuda.get_device_name(),
            run_facts.torch_versions(),
        ),
        "metric": "TFLOP/s over the cells of the list (the rival: tokens x tokens), median of rounds in changing turns",
        "inputs": "normal, queries doubled, bf16",
        "attention": [],
    }
    for name in arguments.shapes:
        torch.manual_seed(0)
        shape = {**SHAPES, **MORE_SHAPES}[name]
        q, k, v = (torch.randn(shape, device="cuda", dtype=torch.bfloat16) for _ in "qkv")
        for case_name in CASES:
            run_case(name, case_name, (q.mul(2), k, v), arguments.rounds, report)
    run_facts.write(arguments.out, report)


if __name__ == "__main__":
    main()
