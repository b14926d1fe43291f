# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Sparse Sampler beside KSampler inside a real ComfyUI, on the demo model and the CPU.

    TWILL_BUILD_DIR=build/release .venv-comfy/bin/python tests/bench/bench_comfy.py --out results.json

tests/comfy/environment.sh makes .venv-comfy. ComfyUI runs with --use-pytorch-cross-attention. Variants take turns in
one process; medians and all times are kept.
"""

import argparse
import copy
import json
import os
import platform
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMFYUI = Path(sys.prefix) / "ComfyUI"
os.environ.setdefault("TWILL_COMFYUI", str(COMFYUI))
os.environ.setdefault("TWILL_BUILD_DIR", str(ROOT / "build" / "release"))
os.environ["TWILL_BUILD_DIR"] = str(Path(os.environ["TWILL_BUILD_DIR"]).resolve())
sys.path.insert(0, str(ROOT / "tests" / "comfy" / "pack"))
ARGUMENTS = sys.argv[1:]  # ComfyUI is told others
import conftest  # noqa: E402, F401

# isort: split

import comfy.sd  # noqa: E402
import nodes as core  # noqa: E402
import torch  # noqa: E402
from twill_pack.twill_nodes import demo_model, plan_store  # noqa: E402
from twill_pack.twill_nodes.patch import apply  # noqa: E402
from twill_pack.twill_nodes.settings import Settings  # noqa: E402

PLAN = "preset: demo/plan"
PROMPT = "a red ball rolls left over a striped floor, camera pans right"
LATENT = (1, 16, 13, 32, 32)  # 49 frames of 256x256: 13x16x16 = 3,328 tokens
STEPS, SHIFT = 20, 3.0


def spread(seconds: list[float]) -> dict:
    return {"median": statistics.median(seconds), "least": min(seconds), "most": max(seconds), "all": seconds}


def load_model(dtype: torch.dtype):
    model = comfy.sd.load_diffusion_model(str(demo_model.files()["dit"]), model_options={"dtype": dtype})
    sampling = copy.deepcopy(model.get_model_object("model_sampling"))
    sampling.set_parameters(shift=SHIFT, multiplier=1000)
    model.add_object_patch("model_sampling", sampling)
    return model


def samplers(dtype: torch.dtype, repeats: int) -> dict:
    model = load_model(dtype)
    patched, why = apply.apply_plan(model, plan_store.load(PLAN), Settings())
    assert not why, why
    prompt = [[demo_model.encode(PROMPT, demo_model.files()["text"]), {}]]
    seconds: dict[str, list[float]] = {"dense": [], "sparse": []}
    latents = {}
    for turn in range(repeats + 1):
        for name, each in (("dense", model), ("sparse", patched)):
            begin = time.perf_counter()
            empty = {"samples": torch.zeros(LATENT)}
            (latents[name],) = core.common_ksampler(each, 1, STEPS, 1.0, "euler", "simple", prompt, prompt, empty)
            if turn > 0:  # the first loads the weights
                seconds[name].append(time.perf_counter() - begin)
    report = apply.patch_of(patched).report
    assert report.fallbacks == {}, report.text()
    dense, sparse = (latents[name]["samples"] for name in ("dense", "sparse"))
    found = {name: spread(times) for name, times in seconds.items()}
    return {
        "dtype": str(dtype).removeprefix("torch."),
        "seconds": found,
        "speedup": found["dense"]["median"] / found["sparse"]["median"],
        "density": report.density,
        "relative_latent_difference": ((sparse - dense).norm() / dense.norm()).item(),
    }


def cpu_name() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--dtypes", nargs="+", choices=["bfloat16", "float32"], default=["bfloat16", "float32"])
    given = parser.parse_args(ARGUMENTS)
    with torch.inference_mode():
        result = {
            "device": platform.processor() or platform.machine(),
            "cpu": cpu_name(),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "command": "bench_comfy.py " + " ".join(ARGUMENTS),
            "comfyui": "0.30.0, --use-pytorch-cross-attention",
            "clip": "49 frames of 256x256, 3,328 tokens; euler, simple, shift 3, 20 steps, cfg 1",
            "samplers": [samplers(getattr(torch, dtype), given.repeats) for dtype in given.dtypes],
        }
    text = json.dumps(result, indent=1) + "\n"
    print(text)
    if given.out:
        temporary = given.out.with_suffix(".part")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(given.out)


if __name__ == "__main__":
    main()
