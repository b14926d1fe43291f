# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A forward of diffusers' transformers at their true shapes, with random weights: dense, and by a plan that is applied.

Dense is the faster of two of diffusers' own backends, as each took in a forward before; then it and the plan take
turns. The plan gives each head one of bench_wan's patterns, at every step; its density is what the report says. Seconds
are of one forward without guidance, of a transformer that is not compiled. Run with PYTHONPATH=<build>/core/python.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import bench_wan
import numpy as np
import run_facts
import torch

import twill_vdit
import twill_vdit.diffusers

BACKENDS = ("native", "_native_cudnn")
BF16 = torch.bfloat16


def numbers(*shape):
    return torch.randn(shape, device="cuda", dtype=BF16)


def wan_14b():
    """1280x720, 81 frames."""
    given = {"hidden_states": numbers(1, 16, 21, 90, 160), "encoder_hidden_states": numbers(1, 512, 4096)}
    return bench_wan.transformer(bench_wan.MODELS["14b"], "cuda"), given, "wan2.1-t2v", [("blocks", 40, 40)], 128


def hunyuan_video():
    """1280x720, 129 frames, 256 tokens of text without padding."""
    from diffusers import HunyuanVideoTransformer3DModel

    with torch.device("cuda"):
        made = HunyuanVideoTransformer3DModel().to(BF16).eval()
    given = {
        "hidden_states": numbers(1, 16, 33, 90, 160),
        "encoder_hidden_states": numbers(1, 256, 4096),
        "encoder_attention_mask": torch.ones(1, 256, device="cuda", dtype=torch.bool),
        "pooled_projections": numbers(1, 768),
        "guidance": torch.full((1,), 6000.0, device="cuda", dtype=BF16),
    }
    return made, given, "hunyuanvideo", [("double_blocks", 20, 24), ("single_blocks", 40, 24)], 128


def cogvideox_5b():
    """CogVideoX 1.5, 1360x768, 81 frames."""
    from diffusers import CogVideoXTransformer3DModel

    with torch.device("cuda"):
        made = CogVideoXTransformer3DModel(
            num_attention_heads=48,
            num_layers=42,
            patch_size_t=2,
            patch_bias=False,
            sample_height=300,
            sample_width=300,
            use_rotary_positional_embeddings=True,
            ofs_embed_dim=None,
        )
    turns = [torch.randn(45106 - 226, 64, device="cuda") for _ in range(2)]
    given = {
        "hidden_states": numbers(1, 22, 16, 96, 170),
        "encoder_hidden_states": numbers(1, 226, 4096),
        "image_rotary_emb": turns,
    }
    return made.to(BF16).eval(), given, "cogvideox-1.5", [("blocks", 42, 48)], 64


MODELS = {"wan-14b": wan_14b, "hunyuan-video": hunyuan_video, "cogvideox-5b": cogvideox_5b}


def plan_of(family, stacks, head_dim):
    patterns = bench_wan.PATTERNS
    table = {name: [[head % len(patterns) for head in range(heads)]] * layers for name, layers, heads in stacks}
    return twill_vdit.parse_plan(
        json.dumps(
            {
                "schema_version": "1.0",
                "name": "windows",
                "model": {
                    "family": family,
                    "experts": ["default"],
                    "stacks": [{"name": name, "layers": layers, "heads": heads} for name, layers, heads in stacks],
                    "head_dim": head_dim,
                },
                "patterns": patterns,
                "segments": [{"t_begin": 0, "t_end": 1, "heads": {"default": table}}],
            }
        ),
        "windows.json",
    )


def measure(name, rounds):
    torch.manual_seed(0)
    model, given, family, stacks, head_dim = MODELS[name]()
    timestep = torch.full((1,), 500, device="cuda")

    def seconds():
        torch.cuda.synchronize()
        begin = time.perf_counter()
        model(timestep=timestep, return_dict=False, **given)
        torch.cuda.synchronize()
        return time.perf_counter() - begin

    row = {"model": name, "backends": {}}
    for backend in BACKENDS:
        model.set_attention_backend(backend)
        row["backends"][backend] = seconds()
    row["backend"] = min(row["backends"], key=row["backends"].get)
    model.set_attention_backend(row["backend"])
    plan = plan_of(family, stacks, head_dim)
    took = {"dense": [], "plan": []}
    with twill_vdit.diffusers.apply_plan(model, plan):
        seconds()  # makes the tables
    for _ in range(rounds):
        took["dense"].append(seconds())
        with twill_vdit.diffusers.apply_plan(model, plan) as applied:
            took["plan"].append(seconds())
            report = applied.report()
    row |= {who: {"seconds": found} for who, found in took.items()}
    row["speedup"] = float(np.median(took["dense"]) / np.median(took["plan"]))
    row |= {"density": report.density, "report": report.text()}
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--models", nargs="*", default=list(MODELS))
    arguments = parser.parse_args()
    import diffusers

    report = {
        "run": run_facts.run_facts(
            "diffusers_h200",
            "python tests/bench/bench_diffusers.py " + " ".join(sys.argv[1:]),
            torch.cuda.get_device_name(),
            run_facts.torch_versions() | {"diffusers": diffusers.__version__},
        ),
        "models": [],
    }
    with torch.inference_mode():
        for name in arguments.models:
            report["models"].append(measure(name, arguments.rounds))
            print(json.dumps(report["models"][-1]), flush=True)
            run_facts.write(arguments.out, report)


if __name__ == "__main__":
    main()
