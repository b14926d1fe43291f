# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Whole Wan models at their true shapes, with random weights: a step dense and by a plan, beside diffusers.

    python tests/bench/bench_wan.py --twill build/cuda/core/cli/twill --model 14b --work FOLDER --out results.json

The weights are made here by diffusers' own modules and written as safetensors files with a model.json beside them, 29
GB for 14 B; of 14b-fp8 the layers' matrices are in e4m3, as in ComfyUI's files. Then programs take turns, each in a
process of its own: `twill generate` dense and by the plan, the same with less of the device's memory (--vram) and of
the host's (--ram: the other layers come from the file, here from the system's cache of it), and diffusers' transformer
with its attention backends, as it is and with its blocks compiled. Seconds are of one forward without guidance, twill's
the mean over a clip's steps. The clip of one step is compared with the one that diffusers makes of the same noise and
weights.
"""

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import run_facts

sys.path.insert(0, str(run_facts.ROOT))
from tests.engine.wan22_latents import MEAN, STD

TWILL_SEED = 1
PROMPT = "a"
WORDS = 512
# Of config.json of the published models: width, layers, heads, channels, feed-forward; then a clip.
MODELS = {
    "1.3b": {"family": "wan2.1-t2v", "layers": 30, "heads": 12, "ffn": 8960, "channels": 16, "clip": (832, 480, 81)},
    "14b": {"family": "wan2.1-t2v", "layers": 40, "heads": 40, "ffn": 13824, "channels": 16, "clip": (1280, 720, 81)},
    "5b": {"family": "wan2.2-ti2v", "layers": 30, "heads": 24, "ffn": 14336, "channels": 48, "clip": (1280, 704, 121)},
    "14b-fp8": {
        "family": "wan2.1-t2v",
        "layers": 40,
        "heads": 40,
        "ffn": 13824,
        "channels": 16,
        "clip": (1280, 720, 81),
    },
    # For a try of this program on a CPU.
    "tiny": {"family": "wan2.1-t2v", "layers": 2, "heads": 2, "ffn": 64, "channels": 16, "clip": (64, 64, 5)},
}
HEAD_DIM = 128
# A plan of these in turn keeps 0.30 of the cells at the sizes of 14b and 1.3b: near frames, near rows of all frames (in
# an order of its own), and boxes.
PATTERNS = [
    {"kind": "window", "frames": 3, "rows": 1, "cols": 1},
    {"kind": "window", "frames": 1000, "rows": 0.14, "cols": 1},
    {"kind": "window", "frames": 3, "rows": 0.6, "cols": 0.9},
]
# diffusers.AutoencoderKLWan of Wan 2.2 TI2V 5B; Wan 2.1's are its defaults.
VAE_22 = {
    "base_dim": 160,
    "decoder_base_dim": 256,
    "z_dim": 48,
    "in_channels": 12,
    "out_channels": 12,
    "patch_size": 2,
    "is_residual": True,
    "scale_factor_spatial": 16,
    "temperal_downsample": [False, True, True],
    "latents_mean": MEAN,
    "latents_std": STD,
}
VAE_TINY = {"base_dim": 8}


def transformer(model, device):
    """diffusers' module in bf16; what it keeps in fp32 stays so."""
    import torch
    from diffusers import WanTransformer3DModel

    torch.manual_seed(1)
    with torch.device(device):
        made = WanTransformer3DModel(
            num_attention_heads=model["heads"],
            attention_head_dim=HEAD_DIM,
            in_channels=model["channels"],
            out_channels=model["channels"],
            ffn_dim=model["ffn"],
            num_layers=model["layers"],
        )
    return made.to(torch.bfloat16).eval()


def vae(model, device):
    import torch
    from diffusers import AutoencoderKLWan

    torch.manual_seed(2)
    config = VAE_22 if model["channels"] == 48 else VAE_TINY if model["layers"] == 2 else {}
    with torch.device(device):
        made = AutoencoderKLWan(**config)
    return made.to(torch.bfloat16).eval()


def in_numbers(name, part, key, value):
    import torch

    in_fp8 = name.endswith("-fp8") and part == "dit" and key.startswith("blocks.") and value.dim() == 2
    return value.to(torch.float8_e4m3fn) if in_fp8 else value


def write_files(name, folder, device):
    """A model folder; nothing where it is there."""
    import torch
    from safetensors.torch import save_file

    model = MODELS[name]
    if (folder / "model.json").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    for part, make in (("dit", transformer), ("vae", vae)):
        state = make(model, device).state_dict().items()
        tensors = {key: in_numbers(name, part, key, value).contiguous().cpu() for key, value in state}
        save_file(tensors, folder / f"{part}.safetensors")
        del tensors
        gc.collect()
    rows = torch.randn(WORDS, 4096, generator=torch.Generator().manual_seed(3))
    save_file(
        {"word_embedding.weight": torch.zeros(1, 4096), "position_embedding.weight": rows},
        folder / "text.safetensors",
        metadata={"vocabulary": json.dumps([PROMPT]), "text_len": str(WORDS)},
    )
    width, height, frames = model["clip"]
    default = {"width": width, "height": height, "frames": frames, "fps": 16, "steps": 4, "shift": 5.0, "cfg": 1.0}
    (folder / "model.json").write_text(
        json.dumps(
            {
                "family": model["family"],
                "files": {"dit": "dit.safetensors", "vae": "vae.safetensors", "text": "text.safetensors"},
                "default": {**default, "sampler": "euler"},
            }
        )
    )


def write_plan(name, file):
    """Each head has one of PATTERNS, in turn, at every step."""
    model = MODELS[name]
    heads = [head % len(PATTERNS) for head in range(model["heads"])]
    plan = {
        "schema_version": "1.0",
        "name": "windows",
        "model": {
            "family": model["family"],
            "experts": ["default"],
            "stacks": [{"name": "blocks", "layers": model["layers"], "heads": model["heads"]}],
            "head_dim": HEAD_DIM,
        },
        "patterns": PATTERNS,
        "segments": [{"t_begin": 0, "t_end": 1, "heads": {"default": {"blocks": [heads] * model["layers"]}}}],
    }
    file.write_text(json.dumps(plan))


class PeakMemory:
    """MiB that the device's processes take, looked at 20 times a second; 0 without a GPU."""

    def __enter__(self):
        self.mib, self._over = 0, threading.Event()
        self._watch = threading.Thread(target=self._look)
        self._watch.start()
        return self

    def _look(self):
        while not self._over.wait(0.05):
            lines = run_facts.words_of(["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"])
            self.mib = max(self.mib, *(int(line) for line in lines.split() or ["0"]))

    def __exit__(self, *_):
        self._over.set()
        self._watch.join()


def total_mib():
    lines = run_facts.words_of(["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"])
    return int(lines.split()[0]) if lines.split() else 0


def run_twill(twill, folder, work, steps, *more, gib=None):
    """Seconds of a step, of its attention, of the VAE and of the whole program, peak MiB, and what was noted.

    With gib, twill is told of so much memory, and torch's allocator gives no more.
    """
    environment = dict(os.environ)
    if gib is not None:
        more += ("--vram", gib)
        if total := total_mib():
            environment["PYTORCH_CUDA_ALLOC_CONF"] = f"per_process_memory_fraction:{gib * 1024 / total:.6f}"
    clip = work / "clip"
    command = [twill, "--json", "generate", "--model", folder, "--prompt", PROMPT, "--seed", str(TWILL_SEED)]
    command += ["--steps", str(steps), "--out", clip, *more]
    begin = time.perf_counter()
    with PeakMemory() as memory:
        ran = subprocess.run([str(each) for each in command], capture_output=True, text=True, env=environment)
    took = time.perf_counter() - begin
    if ran.returncode != 0:
        return {"failed": ran.stderr.strip().splitlines()[-1] if ran.stderr.strip() else f"exit {ran.returncode}"}
    (made,) = json.loads(ran.stdout)["clips"]
    times = made["times"]
    return {
        "step_seconds": times["denoise_seconds"] / steps,
        "attention_seconds": times["attention_seconds"] / steps,
        "vae_seconds": times["vae_seconds"],
        "seconds_of_program": took,
        "density": made["density"],
        "fallbacks": made["attention_calls"]["fallbacks"],
        "peak_mib": memory.mib,
        "notes": [line for line in ran.stderr.splitlines() if "GiB" in line],
    }


def diffusers_main(arguments):
    """In a process of its own: prints one line of JSON."""
    import torch

    model, device = MODELS[arguments.model], arguments.device
    dit = transformer(model, device)
    if arguments.backend:
        dit.set_attention_backend(arguments.backend)
    if arguments.compile:
        dit.compile_repeated_blocks(fullgraph=True)
    width, height, frames = model["clip"]
    stride = 16 if model["channels"] == 48 else 8
    shape = (1, model["channels"], (frames - 1) // 4 + 1, height // stride, width // stride)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(TWILL_SEED))
    text = torch.randn(WORDS, 4096, generator=torch.Generator().manual_seed(3))[None].to(device, torch.bfloat16)
    x, t = noise.to(device, torch.bfloat16), torch.full((1,), 1000.0, device=device)
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None

    def timed(call):
        wait()
        begin = time.perf_counter()
        made = call()
        wait()
        return time.perf_counter() - begin, made

    def reset():
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()

    def peaks(prefix):
        if device != "cuda":
            return {}
        reserved, allocated = torch.cuda.max_memory_reserved(), torch.cuda.max_memory_allocated()
        return {f"{prefix}peak_mib": reserved / 2**20, f"{prefix}allocated_mib": allocated / 2**20}

    with torch.inference_mode():
        first, _ = timed(lambda: dit(x, t, text, return_dict=False)[0])
        reset()
        runs = [timed(lambda: dit(x, t, text, return_dict=False)[0]) for _ in range(arguments.rounds)]
        result = {"first_seconds": first, "step_seconds": [run[0] for run in runs], **peaks("")}
        if arguments.decode:
            latents = noise.to(device) - runs[-1][1].float()
            del dit
            gc.collect()
            decoder = vae(model, device)
            mean = torch.tensor(decoder.config.latents_mean, device=device).view(1, -1, 1, 1, 1)
            std = torch.tensor(decoder.config.latents_std, device=device).view(1, -1, 1, 1, 1)
            if device == "cuda":
                torch.cuda.empty_cache()
            reset()
            latents = (latents * std + mean).to(torch.bfloat16)
            took = [timed(lambda: decoder.decode(latents, return_dict=False)[0]) for _ in range(2)]
            result |= {"vae_seconds": [each[0] for each in took], **peaks("vae_")}
            frames = (took[-1][1][0].float().clamp(-1, 1) * 127.5 + 127.5).round().to(torch.uint8)
            torch.save(frames[:, :: max(1, frames.shape[1] // 8)].cpu(), arguments.decode)
    print(json.dumps(result))


def run_diffusers(name, device, backend="", compiled=False, rounds=3, decode=None):
    command = [sys.executable, __file__, "--as-diffusers", "--model", name, "--device", device]
    command += ["--backend", backend, "--rounds", str(rounds)]
    command += (["--compile"] if compiled else []) + (["--decode", str(decode)] if decode else [])
    with PeakMemory() as memory:
        ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode != 0:
        return {"failed": ran.stderr.strip().splitlines()[-1] if ran.stderr.strip() else f"exit {ran.returncode}"}
    return {**json.loads(ran.stdout.splitlines()[-1]), "process_peak_mib": memory.mib}


def psnr_db(folder, saved):
    """Of twill's frames against diffusers' of the same noise and weights."""
    import numpy as np
    import torch
    from PIL import Image

    theirs = torch.load(saved)
    names = sorted(folder.glob("frame-*.png"))
    chosen = names[:: max(1, len(names) // 8)]
    ours = np.stack([np.asarray(Image.open(name).convert("RGB")) for name in chosen])
    difference = ours.astype(float) - theirs.permute(1, 2, 3, 0).numpy()
    return float(10 * np.log10(255**2 / np.mean(difference**2)))


def given_words():
    """What the command was given, less folders and the program."""
    words, given = [], iter(sys.argv[1:])
    for word in given:
        if word in ("--twill", "--work", "--out", "--plan"):
            next(given, None)
        else:
            words.append(word)
    return " ".join(words)


def variants(arguments):
    """name: what twill is given besides, and of how much memory."""
    plan = ("--plan", arguments.plan)
    made = {"dense": ((), None), "plan": (plan, None)}
    for gib in arguments.vram:
        made[f"dense, {gib:g} GiB"] = ((), gib)
        made[f"plan, {gib:g} GiB"] = (plan, gib)
    for ram in arguments.ram:
        least = min(arguments.vram)
        made[f"dense, {least:g} GiB, {ram:g} of the host's"] = (("--ram", ram), least)
        made[f"plan, {least:g} GiB, {ram:g} of the host's"] = ((*plan, "--ram", ram), least)
    if arguments.float8:
        made["dense, float8"] = (("--dtype", "float8"), None)
        made["plan, float8"] = ((*plan, "--dtype", "float8"), None)
    return made


def main(arguments):
    arguments.work.mkdir(parents=True, exist_ok=True)
    folder = arguments.work / arguments.model
    write_files(arguments.model, folder, arguments.device)
    if arguments.plan is None:
        arguments.plan = arguments.work / f"{arguments.model}.json"
        write_plan(arguments.model, arguments.plan)
    report = {
        "run": run_facts.run_facts(
            "wan",
            f"python tests/bench/bench_wan.py {given_words()} --out results.json",
            run_facts.words_of(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]),
            run_facts.torch_versions(),
            code=["tests/bench/bench_wan.py", "core/engine/src"],
        ),
        "model": arguments.model,
        "clip": MODELS[arguments.model]["clip"],
        "steps": arguments.steps,
        "twill": {},
        "diffusers": {},
    }

    def keep(side, name, found):
        rows = report[side].setdefault(name, [])
        rows.append(found)
        print(side, name, json.dumps(found), flush=True)
        run_facts.write(arguments.out, report)

    if not arguments.without_diffusers and not arguments.without_one_step:
        saved = arguments.work / "diffusers.pt"
        keep("diffusers", "native", run_diffusers(arguments.model, arguments.device, rounds=1, decode=saved))
        keep("twill", "one step", run_twill(arguments.twill, folder, arguments.work, 1))
        if saved.exists() and "failed" not in report["twill"]["one step"][0]:
            report["psnr_against_diffusers_db"] = psnr_db(arguments.work / "clip", saved)
            print("PSNR against diffusers", report["psnr_against_diffusers_db"], flush=True)
        if arguments.float8:
            row = run_twill(arguments.twill, folder, arguments.work, 1, "--dtype", "float8")
            keep("twill", "one step, float8", row)
        if arguments.float8 and saved.exists() and "failed" not in row:
            report["psnr_of_float8_db"] = psnr_db(arguments.work / "clip", saved)
            print("PSNR of float8", report["psnr_of_float8_db"], flush=True)
    for _ in range(arguments.rounds):
        for name, (more, gib) in variants(arguments).items():
            steps = arguments.steps
            keep("twill", name, run_twill(arguments.twill, folder, arguments.work, steps, *more, gib=gib))
        if not arguments.without_diffusers:
            for backend in arguments.backends:
                for compiled in (False, True):
                    name = backend + (", compiled" if compiled else "")
                    keep("diffusers", name, run_diffusers(arguments.model, arguments.device, backend, compiled))
    dense = [row["step_seconds"] for row in report["twill"].get("dense", []) if "step_seconds" in row]
    for name, rows in report["twill"].items():
        seconds = [row["step_seconds"] for row in rows if "step_seconds" in row]
        if seconds and dense:
            print(f"twill {name}: {statistics.median(seconds):.3f} s, dense {statistics.median(dense):.3f} s")
    run_facts.write(arguments.out, report)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, required=True)
    parser.add_argument("--twill", type=Path)
    parser.add_argument("--work", type=Path, default=Path("/tmp/bench_wan"))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--plan", type=Path, help="instead of one of windows")
    parser.add_argument("--vram", type=float, nargs="*", default=[], help="GiB, each a variant")
    parser.add_argument("--ram", type=float, nargs="*", default=[], help="GiB of host memory, with the least --vram")
    parser.add_argument("--float8", action="store_true", help="also with the layers' products in fp8")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--backends", nargs="*", default=["native", "_native_cudnn"])
    parser.add_argument("--without-diffusers", action="store_true")
    parser.add_argument("--without-one-step", action="store_true", help="no comparison of frames, no diffusers' VAE")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--as-diffusers", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--backend", default="", help=argparse.SUPPRESS)
    parser.add_argument("--compile", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--decode", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    given = parse()
    diffusers_main(given) if given.as_diffusers else main(given)
