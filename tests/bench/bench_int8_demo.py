# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What the demo model's heads lose in INT8: our kernel, comfy-kitchen's and our 16-bit one on its own q, k and v.

The model runs dense in bf16 (presets/demo/wan_dit.py), and at some of the steps every layer's q, k and v are kept. The
error of a head is over all its rows against float64, relative to the norm of its output. Where comfy-kitchen is not
installed it is left out and the result says so. Run with PYTHONPATH=<build>/core/python[:<comfy-kitchen>].
"""

import argparse
import importlib.metadata
import itertools
import json
import statistics
import sys
from pathlib import Path

import bench_cuda_cases as cases
import run_facts
import torch
from bench_int8 import tables_of

from twill_vdit import cuda

DEMO = run_facts.ROOT / "presets" / "demo"
sys.path.insert(0, str(DEMO))
import data  # noqa: E402
import export  # noqa: E402
import train_dit  # noqa: E402

try:
    from comfy_kitchen.sage_attention import int8_attention
except ImportError:
    int8_attention = None

CODE = [
    "tests/bench/bench_int8_demo.py",
    "presets/demo/dit.safetensors",
    "presets/demo/wan_dit.py",
    "kernels/src/cuda/int8",
    "kernels/src/cuda/*.cuh",
]
STEPS, SHIFT = 20, 3.0
KEPT_STEPS = (0, 4, 9, 14, 19)
PROMPTS = "prompts_test.txt"


@torch.no_grad()
def heads_inputs(dit, text, prompt, seed):
    """(t, layer, (q, k, v) of [1, heads, tokens, head_dim] in bf16) of a dense clip's KEPT_STEPS."""
    kept = []

    def keep(q, k, v, **settings):
        if q.shape == k.shape:  # no cross-attention
            kept.append(tuple(x.bfloat16().contiguous() for x in (q, k, v)))
        return attention(q, k, v, **settings)

    functional = torch.nn.functional
    attention = functional.scaled_dot_product_attention
    shape = (16, *data.DEFAULT_SIZE.latent)
    device = next(dit.parameters()).device
    latent = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(device)[None]
    rows = text(train_dit.pad_ids([prompt]).to(device))
    times = train_dit.shifted(torch.linspace(1, 0, STEPS + 1), SHIFT).tolist()
    for step, (now, later) in enumerate(itertools.pairwise(times)):
        kept.clear()
        functional.scaled_dot_product_attention = keep if step in KEPT_STEPS else attention
        try:
            with torch.autocast(device.type, torch.bfloat16):
                velocity = dit(latent, torch.tensor([1000 * now], device=device), rows)
        finally:
            functional.scaled_dot_product_attention = attention
        for layer, tensors in enumerate(kept):
            yield now, layer, tensors
        latent = latent + (later - now) * velocity.float()


def exact(q, k, v):
    """[1, heads, tokens, head_dim] in float64."""
    scores = q.double() @ k.double().transpose(2, 3) * q.shape[3] ** -0.5
    return torch.softmax(scores, 3) @ v.double()


def errors_of_heads(out, wanted):
    return ((out.double() - wanted).norm(dim=(2, 3)) / wanted.norm(dim=(2, 3))).flatten().tolist()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=4, help="prompts, the first of prompts_test.txt")
    arguments = parser.parse_args()
    versions = run_facts.torch_versions()
    found = int8_attention is not None
    versions["comfy-kitchen"] = importlib.metadata.version("comfy-kitchen") if found else "not installed"
    report = {
        "run": run_facts.run_facts(
            "int8_demo_heads_h200",
            "python tests/bench/bench_int8_demo.py " + " ".join(sys.argv[1:]),
            torch.cuda.get_device_name(),
            versions,
            CODE,
        ),
        "metric": "relative error of a head's output over all its rows, against float64 on the same q, k and v in bf16",
        "heads": [],
    }
    dit, text = (each.cuda() for each in export.load_dit(DEMO))
    calls = {}
    prompts = (DEMO / PROMPTS).read_text(encoding="utf-8").splitlines()[: arguments.count]
    for seed, prompt in enumerate(prompts):
        for t, layer, (q, k, v) in heads_inputs(dit, text, prompt, seed):
            if not calls:
                dense = cases.make("dense", "demo", q.shape[1], q.shape[2])
                plans = {who: cuda.DevicePlan(tables_of(dense, who), q.device) for who in ("int8", "bf16")}
                for who, precision, kernel in (("int8", "int8", ""), ("portable", "bf16", "portable")):
                    calls[who] = lambda q, k, v, on=plans[precision], by=kernel: on.run(
                        q, k, v, torch.empty_like(q), q.shape[3] ** -0.5, 0, kernel=by
                    )
                if found:
                    calls["comfy_kitchen_int8"] = int8_attention
            wanted = exact(q, k, v)
            errors = {who: errors_of_heads(call(q, k, v), wanted) for who, call in calls.items()}
            for head in range(q.shape[1]):
                of_head = {who: errors[who][head] for who in calls}
                report["heads"].append({"prompt": seed, "t": t, "layer": layer, "head": head, **of_head})
    report["of_all"] = {
        who: {
            "mean": statistics.mean(row[who] for row in report["heads"]),
            "largest": max(row[who] for row in report["heads"]),
        }
        for who in calls
    }
    if found:
        below = sum(row["int8"] <= row["comfy_kitchen_int8"] for row in report["heads"])
        report["of_all"]["share_not_above"] = below / len(report["heads"])
    run_facts.write(arguments.out, report)
    print(json.dumps(report["of_all"]))


if __name__ == "__main__":
    main()
