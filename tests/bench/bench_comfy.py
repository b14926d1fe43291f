# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Sparse Sampler beside KSampler inside a real ComfyUI, on the demo model and the CPU: how fast, and how near at a size
that the plan was not searched at, as it is and adapted.

    TWILL_BUILD_DIR=build/release .venv-comfy/bin/python tests/bench/bench_comfy.py --out results.json

tests/comfy/environment.sh makes .venv-comfy. ComfyUI runs with --use-pytorch-cross-attention. Variants take turns in
one process; medians and all times are kept.
"""

import argparse
import copy
import json
import os
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
import comfy.utils  # noqa: E402
import nodes as core  # noqa: E402
import run_facts  # noqa: E402
import torch  # noqa: E402
from twill_pack.twill_nodes import demo_model, metrics, plan_store  # noqa: E402
from twill_pack.twill_nodes.patch import apply  # noqa: E402
from twill_pack.twill_nodes.settings import Settings  # noqa: E402

PLAN = "preset: demo/plan"
PROMPT = "a red ball rolls left over a striped floor, camera pans right"
LATENT = (1, 16, 13, 32, 32)  # 49 frames of 256x256: 13x16x16 = 3,328 tokens
OTHER_LATENT = (1, 16, 9, 24, 40)  # 33 frames of 320x192: 9x12x20 = 2,160 tokens
TEST_PROMPTS = ROOT / "presets" / "demo" / "prompts_test.txt"  # no search saw them; constants.md
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


def other_size(prompts: int) -> dict:
    """PSNR against the dense clip of the same noise, and seconds, of the first test prompts."""
    model = load_model(torch.float32)
    weights, metadata = comfy.utils.load_torch_file(str(demo_model.files()["vae"]), return_metadata=True)
    vae = comfy.sd.VAE(sd=weights, metadata=metadata)
    variants = {"dense": model}
    for name, settings in (("as_it_is", Settings()), ("adapted", Settings(adapt=True))):
        variants[name], why = apply.apply_plan(model, plan_store.load(PLAN), settings)
        assert not why, why
    found = {name: {"psnr_db": [], "density": [], "seconds": []} for name in variants}
    measuring = []
    for seed, text in enumerate(TEST_PROMPTS.read_text(encoding="utf-8").splitlines()[:prompts]):
        prompt = [[demo_model.encode(text, demo_model.files()["text"]), {}]]
        clips = {}
        for name, each in variants.items():
            begin = time.perf_counter()
            empty = {"samples": torch.zeros(OTHER_LATENT)}
            (latent,) = core.common_ksampler(each, seed, STEPS, 1.0, "euler", "simple", prompt, prompt, empty)
            if seed > 0:  # the first loads the weights
                found[name]["seconds"].append(time.perf_counter() - begin)
            images = vae.decode(latent["samples"])
            clips[name] = images.reshape(-1, *images.shape[-3:])
            if name == "dense":
                continue
            report = apply.patch_of(each).report
            assert report.fallbacks == {} and report.notes == [], report.text()
            found[name]["psnr_db"].append(metrics.psnr_db(clips["dense"], clips[name]))
            found[name]["density"].append(report.density)
            if name == "adapted":
                measuring.append(report.adapted)
    return {
        "clip": "33 frames of 320x192, 2,160 tokens; euler, simple, shift 3, 20 steps, cfg 1, fp32",
        "plan": f"{PLAN}, searched at 49 frames of 256x256",
        "prompts": prompts,
        "variants": {
            name: {
                "mean_psnr_db": statistics.mean(each["psnr_db"]) if each["psnr_db"] else None,
                "median_seconds": statistics.median(each["seconds"]),
                **each,
            }
            for name, each in found.items()
        },
        "adapted": measuring,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--dtypes", nargs="*", choices=["bfloat16", "float32"], default=["bfloat16", "float32"])
    parser.add_argument("--prompts", type=int, default=8, help="of the other size; 0 leaves it out")
    given = parser.parse_args(ARGUMENTS)
    with torch.inference_mode():
        result = {
            "run": run_facts.run_facts(
                "comfy" if given.dtypes else "comfy_other_size",
                "bench_comfy.py " + " ".join(ARGUMENTS),
                versions={**run_facts.torch_versions(), "comfyui": "0.30.0, --use-pytorch-cross-attention"},
                profile=run_facts.sha256_of(ROOT / "presets" / "demo" / "plan.json"),
            ),
            "clip": "49 frames of 256x256, 3,328 tokens; euler, simple, shift 3, 20 steps, cfg 1",
            "samplers": [samplers(getattr(torch, dtype), given.repeats) for dtype in given.dtypes],
        }
        if given.prompts > 0:
            result["other_size"] = other_size(given.prompts)
    print(json.dumps(result, indent=1))
    if given.out:
        run_facts.write(given.out, result)


if __name__ == "__main__":
    main()
