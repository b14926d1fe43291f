# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Trains the demo model: python presets/demo/train.py --stage all --out DIR --seed 1

Stages: `vae`, then `dit` (encodes clips with the VAE in DIR, trains the transformer), then
`measure` (draws clips and writes metrics.json, model.json and sheet.png); `all` does the three.
"""

import argparse
import json
import time
from pathlib import Path

import captions
import torch
from check_following import followed_share, ground_truth_clips, shuffled
from data import DEFAULT_SIZE, FOLDER, SIZES, psnr
from export import DIT_FILE, TEXT_FILE, VAE_FILE, load_model, load_vae, save_dit, save_vae
from sample import sample_clips
from train_dit import encode_training_set, held_out_clips, held_out_loss, train_dit
from train_vae import held_out_psnr, train_vae

SHIFT, STEPS = 3.0, 20
SAMPLE_SEED = 1000


def _update_json(path: Path, key: str, values: dict) -> dict:
    content = json.loads(path.read_text()) if path.exists() else {}
    content[key] = values
    path.write_text(json.dumps(content, indent=2) + "\n")
    return content


def stage_vae(options: argparse.Namespace, device: str, log) -> None:
    vae, report = train_vae(
        60 * options.vae_minutes,
        options.seed,
        device,
        width=options.vae_width,
        clips=options.vae_clips,
        log=log,
    )
    save_vae(vae, options.out)
    del vae
    if device == "cuda":
        torch.cuda.empty_cache()
    # Measured with the weights as the file holds them.
    counts = {size: 32 if size == DEFAULT_SIZE else 8 for size in SIZES}
    report["held_out"] = held_out_psnr(load_vae(options.out, device), device, counts)
    log(f"vae: {report['held_out']}")
    _update_json(options.out / "metrics.json", "vae", report)


def stage_dit(options: argparse.Namespace, device: str, log) -> None:
    vae = load_vae(options.out, device)
    sets = encode_training_set(vae, 60 * options.encode_minutes, options.dit_clips, options.seed, device, SIZES, log)
    held_out = held_out_clips(vae, device)
    latents = sets[DEFAULT_SIZE].latents[::8].float()
    report = {
        "clips": sum(len(s.latents) for s in sets.values()),
        "latent_mean_abs": round(latents.mean((0, 2, 3, 4)).abs().max().item(), 3),
        "latent_std": round(latents.std().item(), 3),
    }
    del latents

    def save(dit, text, step) -> None:
        save_dit(dit, text, options.out)
        log(f"dit: saved at step {step}, held out {held_out_loss(dit, text, held_out):.5f}")

    dit, text, training = train_dit(sets, 60 * options.dit_minutes, options.seed, device, save=save, log=log)
    save_dit(dit, text, options.out)
    report |= training
    report["held_out_loss_before_fp16"] = round(held_out_loss(dit, text, held_out), 5)
    dit, text, vae = load_model(options.out, device)
    report["held_out_loss"] = round(held_out_loss(dit, text, held_out), 5)
    log(f"dit: held-out loss {report['held_out_loss']}")
    _update_json(options.out / "metrics.json", "dit", report)


def write_sheet(clips: torch.Tensor, path: Path, columns: int = 5) -> None:
    """clips: [batch, frames, 3, height, width]; one row a clip, some frames of it across."""
    from PIL import Image

    picks = torch.linspace(0, clips.shape[1] - 1, columns).round().long()
    rows = clips[:, picks].float().cpu().permute(0, 3, 1, 4, 2).flatten(0, 1).flatten(1, 2)
    Image.fromarray(((rows.clamp(-1, 1) + 1) * 127.5).round().byte().numpy()).save(path)


def stage_measure(options: argparse.Namespace, device: str, log) -> None:
    started = time.perf_counter()
    dit, text, vae = load_model(options.out, device)
    follow, test = (captions.read_prompts(FOLDER / name) for name in ("prompts_follow.txt", "prompts_test.txt"))

    def clips_of(prompts: list[str], seed: int, size=DEFAULT_SIZE, shift=SHIFT) -> torch.Tensor:
        seeds = [seed + i for i in range(len(prompts))]
        return sample_clips(dit, text, vae, prompts, seeds, size, steps=STEPS, shift=shift, batch=8)

    first = clips_of(test, SAMPLE_SEED)
    write_sheet(first, options.out / "sheet.png")
    log(f"measure: sheet written, {time.perf_counter() - started:.0f} s")
    second = clips_of(test, SAMPLE_SEED + 500)
    between = psnr(first, second)
    report = {
        "sampler": {"steps": STEPS, "shift": SHIFT, "cfg": 1.0, "size": str(DEFAULT_SIZE)},
        "seed_to_seed_psnr_db": round(between.mean().item(), 2),
        "seed_to_seed_psnr_db_highest": round(between.max().item(), 2),
    }
    drawn = torch.cat([ground_truth_clips(follow, 7000 + 100 * i, device) for i in range(4)])
    shares = {"ground_truth_share": followed_share(drawn, follow * 4)}
    shares["ground_truth_shuffled_share"] = followed_share(drawn, shuffled(follow) * 4)
    for shift in (3.0, 5.0):
        made = torch.cat([clips_of(follow, s, shift=shift) for s in (SAMPLE_SEED, 2000)])
        key = f"shift_{shift:g}"
        shares[f"{key}_share"] = followed_share(made, follow * 2)
        shares[f"{key}_shuffled_share"] = followed_share(made, shuffled(follow) * 2)
        if shift == SHIFT:
            write_sheet(made[: len(follow)], options.out / "sheet_follow.png")
    report["following"] = {k: round(v, 4) for k, v in shares.items()}
    report["following"]["clips"] = 2 * len(follow)
    log(f"measure: {report}, {time.perf_counter() - started:.0f} s")
    metrics = _update_json(options.out / "metrics.json", "clips", report)
    write_model_json(options, metrics, device)
    sized = [clips_of(test[i : i + 1], SAMPLE_SEED + i, s) for i, s in enumerate(SIZES)]
    for shape in ((320, 192), (192, 320)):
        rows = [c[:, :33] for c, s in zip(sized, SIZES, strict=True) if (s.width, s.height) == shape]
        write_sheet(torch.cat(rows), options.out / f"sheet_{shape[0]}x{shape[1]}.png")


def write_model_json(options: argparse.Namespace, metrics: dict, device: str) -> None:
    name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    size = DEFAULT_SIZE
    model = {
        "family": "wan2.1-t2v",
        "files": {"dit": DIT_FILE, "vae": VAE_FILE, "text": TEXT_FILE},
        "default": {
            "width": size.width,
            "height": size.height,
            "frames": size.frames,
            "fps": 16,
            "steps": STEPS,
            "shift": SHIFT,
            "cfg": 1.0,
            "sampler": "euler",
        },
        "sizes": [{"width": s.width, "height": s.height, "frames": s.frames} for s in SIZES],
        "provenance": {
            "script": "presets/demo/train.py --stage all"
            f" --seed {options.seed} --vae-minutes {options.vae_minutes:g}"
            f" --dit-minutes {options.dit_minutes:g} --encode-minutes {options.encode_minutes:g}"
            f" --vae-clips {options.vae_clips} --dit-clips {options.dit_clips}",
            "seed": options.seed,
            "device": name,
            "torch": torch.__version__,
            "seconds": {k: metrics.get(k, {}).get("seconds") for k in ("vae", "dit")},
            "metrics": {
                "vae_psnr_db": metrics.get("vae", {}).get("held_out", {}).get("psnr_db"),
                "dit_held_out_loss": metrics.get("dit", {}).get("held_out_loss"),
                "followed_share": metrics["clips"]["following"][f"shift_{SHIFT:g}_share"],
                "seed_to_seed_psnr_db": metrics["clips"]["seed_to_seed_psnr_db"],
            },
        },
    }
    (options.out / "model.json").write_text(json.dumps(model, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stage", choices=("vae", "dit", "measure", "all"), default="all")
    parser.add_argument("--out", type=Path, required=True, help="folder for weights and metrics")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--vae-minutes", type=float, default=6.6)
    parser.add_argument("--encode-minutes", type=float, default=1.1, help="at most")
    parser.add_argument("--dit-minutes", type=float, default=8.8)
    parser.add_argument("--vae-clips", type=int, default=2400)
    parser.add_argument("--dit-clips", type=int, default=16000, help="at most")
    parser.add_argument("--vae-width", type=int, default=8)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_float32_matmul_precision("high")
    started = time.perf_counter()

    def log(message: str) -> None:
        print(f"[{time.perf_counter() - started:6.0f} s] {message}", flush=True)

    stages = ("vae", "dit", "measure") if options.stage == "all" else (options.stage,)
    for stage in stages:
        {"vae": stage_vae, "dit": stage_dit, "measure": stage_measure}[stage](options, device, log)


if __name__ == "__main__":
    main()
