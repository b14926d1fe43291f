# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Runs a model folder in ComfyUI; started by comfyui.py in ComfyUI's own environment.

    comfyui_worker.py COMFYUI MODEL_FOLDER FOLDER

Reads calls.json and inputs.safetensors in FOLDER, and writes description.json and outputs.safetensors. Every call is
run twice: as ComfyUI runs it on a CPU, which is fp32, and by the same code in double.
"""

import copy
import json
import sys
from pathlib import Path

import safetensors.torch
import torch
from start_comfyui import start_comfyui

COMFYUI, MODEL_FOLDER, FOLDER = (Path(argument).resolve() for argument in sys.argv[1:])
# Its default attention on CPUs computes the same in ten times the time.
start_comfyui(COMFYUI, "--cpu", "--use-pytorch-cross-attention")

import comfy.model_management  # noqa: E402
import comfy.sample  # noqa: E402
import comfy.sd  # noqa: E402
import comfy.utils  # noqa: E402
import comfyui_version  # noqa: E402
from comfy_extras import nodes_wan  # noqa: E402
from in_double import everything_in_double  # noqa: E402


class GivenLatents:
    """Stands for a VAE: ComfyUI builds that of Wan 2.2 in its full width alone."""

    def __init__(self, latents: torch.Tensor) -> None:
        self.latents = latents

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.latents


class Networks:
    """Latents in and out have mean 0 and deviation 1, as the transformer has them."""

    def __init__(self, folder: Path) -> None:
        files = json.loads((folder / "model.json").read_text())["files"]
        self.model = comfy.sd.load_diffusion_model(str(folder / files["dit"]))
        self.vae = self.load_vae(folder / files["vae"]) if self.has_own_width() else None

    def has_own_width(self) -> bool:
        return type(self.model.model.latent_format).__name__ != "Wan22"

    def load_vae(self, file: Path) -> comfy.sd.VAE:
        weights, metadata = comfy.utils.load_torch_file(str(file), return_metadata=True)
        vae = comfy.sd.VAE(sd=weights, metadata=metadata)
        vae.throw_exception_if_invalid()
        return vae

    def describe(self) -> dict[str, object]:
        network = self.model.model.diffusion_model
        vae = self.vae and self.vae.first_stage_model
        return {
            "comfyui": comfyui_version.__version__,
            "model": type(self.model.model).__name__,
            "transformer": type(network).__name__,
            "heads": network.num_heads,
            "layers": network.num_layers,
            "text_dim": network.text_dim,
            "latent_format": type(self.model.model.latent_format).__name__,
            "vae": vae and type(vae).__name__,
            "vae_width": vae and vae.decoder.dim,
            "dtypes": sorted({str(x.dtype) for x in (self.model.model, vae) if x for x in x.parameters()}),
        }

    def velocity(self, x: torch.Tensor, context: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        comfy.model_management.load_models_gpu([self.model])
        velocities = []
        hook = self.model.model.diffusion_model.register_forward_hook(lambda *call: velocities.append(call[-1]))
        denoised = self.model.model.apply_model(x, sigma, c_crossattn=context)
        hook.remove()
        (velocity,) = velocities
        # Only the network's own output shows its errors when sigma is small, so the rest is checked here.
        torch.testing.assert_close(denoised, x - sigma.view(-1, 1, 1, 1, 1) * velocity, rtol=0, atol=0)
        return velocity

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """[batch, 3, frames, height, width] in -1..1."""
        frames = self.vae.decode(self.model.model.process_latent_out(latents))
        return frames.movedim(-1, 1).double() * 2 - 1

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """pixels: [frames, height, width, 3] in 0..1."""
        return self.model.model.process_latent_in(self.vae.encode(pixels).double())

    def sample(self, noise: torch.Tensor, context: torch.Tensor, *, steps: int, shift: float) -> torch.Tensor:
        return self.sample_from(torch.zeros_like(noise), None, noise, context, steps, shift)

    def sample_from_picture(
        self, noise: torch.Tensor, context: torch.Tensor, picture: torch.Tensor, *, steps: int, shift: float
    ) -> torch.Tensor:
        """picture: its latent as the network has it."""
        cells = noise.shape[2:]
        pixels = torch.zeros(1, 16 * cells[1], 16 * cells[2], 3)
        vae = GivenLatents(self.model.model.process_latent_out(picture))
        made = nodes_wan.Wan22ImageToVideoLatent.execute(
            vae, 16 * cells[2], 16 * cells[1], 4 * (cells[0] - 1) + 1, 1, start_image=pixels
        ).result[0]
        return self.sample_from(made["samples"], made["noise_mask"], noise, context, steps, shift)

    def sample_from(self, latent_image, mask, noise, context, steps: int, shift: float) -> torch.Tensor:
        patched = self.model.clone()
        sampling = copy.deepcopy(self.model.get_model_object("model_sampling"))
        # This and no more is what the node ModelSamplingSD3 does.
        sampling.set_parameters(shift=shift, multiplier=1000)
        patched.add_object_patch("model_sampling", sampling)
        prompt, empty = [[context, {}]], [[torch.zeros_like(context), {}]]
        latents = comfy.sample.sample(
            patched, noise, steps, 1.0, "euler", "simple", prompt, empty, latent_image, noise_mask=mask,
            disable_pbar=True,
        )  # fmt: skip
        return self.model.model.process_latent_in(latents.double())

    def noise(self, *, shape: list[int], seed: int) -> torch.Tensor:
        return comfy.sample.prepare_noise(torch.zeros(shape), seed)


def run(calls: dict[str, dict[str, dict]], inputs: dict[str, torch.Tensor]) -> tuple[dict, dict[str, torch.Tensor]]:
    networks = Networks(MODEL_FOLDER)
    outputs = {}
    for name, (what, options) in calls.items():
        begin = name + "/"
        tensors = {key.removeprefix(begin): x for key, x in inputs.items() if key.startswith(begin)}
        # Copies: ComfyUI may work in place.
        outputs[name] = getattr(networks, what)(
            **{key: x.clone() for key, x in tensors.items()}, **options
        ).contiguous()
    return networks.describe(), outputs


def main() -> None:
    calls = json.loads((FOLDER / "calls.json").read_text())
    inputs = safetensors.torch.load_file(FOLDER / "inputs.safetensors")
    with torch.inference_mode():
        description, outputs = run(calls, inputs)
        with everything_in_double():
            _, exact = run(calls, {name: x.double() for name, x in inputs.items()})
    # Random numbers in double are other numbers.
    outputs |= {f"{name}/exact": x for name, x in exact.items() if calls[name][0] != "noise"}
    (FOLDER / "description.json").write_text(json.dumps(description))
    safetensors.torch.save_file(outputs, FOLDER / "outputs.safetensors")


main()
