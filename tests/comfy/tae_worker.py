# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Decodes latents by ComfyUI's class of tiny autoencoders; started by test_comfy_tae.py in ComfyUI's own environment.

    tae_worker.py COMFYUI FOLDER

Reads CASE/latents.safetensors in FOLDER, of mean 0 and deviation 1 as the transformer has them, and writes, with random
weights, CASE/tae.safetensors (as files of it are) and CASE/frames.safetensors: `fp32` as ComfyUI computes them on a CPU
and `exact` by the same code in double, [frames, height, width, 3]. Cases that begin with "light" are decoded from what
the VAE is given, as LightX2V's are.
"""

import sys
from pathlib import Path

import safetensors.torch
import torch
from start_comfyui import start_comfyui

COMFYUI, FOLDER = (Path(argument).resolve() for argument in sys.argv[1:])
start_comfyui(COMFYUI, "--cpu")

import comfy.latent_formats  # noqa: E402
import comfyui_version  # noqa: E402
from comfy.taesd.taehv import TAEHV  # noqa: E402


def randomise(module: torch.nn.Module) -> None:
    """Most of what it draws is within 0..1."""
    generator = torch.Generator().manual_seed(5)
    for name, parameter in module.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        parameter.data.copy_(noise / parameter[0].numel() ** 0.5 if parameter.dim() > 1 else 0.3 * noise)
        if name.startswith("decoder.22."):
            parameter.data.mul_(0.1).add_(0.5 if name.endswith("bias") else 0.0)


def main() -> None:
    for case in sorted(path for path in FOLDER.iterdir() if path.is_dir()):
        latents = safetensors.torch.load_file(case / "latents.safetensors")["latents"]
        channels = latents.shape[1]
        tae = TAEHV(latent_channels=channels)
        randomise(tae)
        safetensors.torch.save_file(
            tae.state_dict(), case / "tae.safetensors", {"comfyui": comfyui_version.__version__}
        )
        form = comfy.latent_formats.Wan22() if channels == 48 else comfy.latent_formats.Wan21()
        made = {}
        for name, dtype in {"fp32": torch.float32, "exact": torch.float64}.items():
            x = latents.to(dtype)
            x = form.process_out(x) if case.name.startswith("light") else x
            made[name] = tae.to(dtype).decode(x)[0].movedim(0, -1).contiguous()
        safetensors.torch.save_file(made, case / "frames.safetensors")


with torch.inference_mode():
    main()
