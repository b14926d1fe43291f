# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Makes clips of small models in ComfyUI; started by clips.py in ComfyUI's own environment.

    clip_worker.py COMFYUI FOLDER

Reads orders.json in FOLDER, whose files lie there too, and writes answers/NAME.safetensors of each order: `latents` of
mean 0 and deviation 1 and, where asked for, `frames` in 0..1, each as ComfyUI computes it on a CPU, which is fp32, and
by the same code in double (`.../exact`). Models, LoRAs, samplers and VAEs go through ComfyUI's nodes; text and image
encoders are too small for its loaders and are put together from its classes. The order named `save` has nodes write
files to saved/.
"""

import json
import logging
import sys
from pathlib import Path
from typing import ClassVar

import numpy as np
import safetensors.torch
import torch
from in_double import everything_in_double
from start_comfyui import start_comfyui

COMFYUI, FOLDER = (Path(argument).resolve() for argument in sys.argv[1:])
start_comfyui(COMFYUI, "--cpu", "--use-pytorch-cross-attention")

import comfy.clip_vision  # noqa: E402
import comfy.ldm.wan.vae2_2  # noqa: E402
import comfy.sample  # noqa: E402
import comfy.sd  # noqa: E402
import comfy.text_encoders.wan  # noqa: E402
import comfy.utils  # noqa: E402
import folder_paths  # noqa: E402
import nodes  # noqa: E402
from comfy_extras import nodes_lora_extract, nodes_model_advanced, nodes_model_merging, nodes_wan  # noqa: E402
from PIL import Image  # noqa: E402

for kind in ("diffusion_models", "loras", "vae"):
    folder_paths.add_model_folder_path(kind, str(FOLDER), is_default=True)


class SmallVae22(comfy.ldm.wan.vae2_2.WanVAE):
    """ComfyUI's loader asks for the published widths, whatever the file has."""

    def __init__(self, **options: object) -> None:
        super().__init__(**(options | {"dim": 8, "dec_dim": 8}))


comfy.ldm.wan.vae2_2.WanVAE = SmallVae22
prepare_noise = comfy.sample.prepare_noise
folder_paths.set_output_directory(str(FOLDER / "saved"))


class SmallUmt5:
    """What comfy.sd.load_clip() finds for Wan's UMT5 of the published size."""

    params: ClassVar[dict] = {}
    clip = comfy.text_encoders.wan.te()
    tokenizer = comfy.text_encoders.wan.WanT5Tokenizer


def load_text(file: str, config: dict) -> comfy.sd.CLIP:
    weights = comfy.utils.load_torch_file(str(FOLDER / file))
    clip = comfy.sd.CLIP(
        SmallUmt5,
        tokenizer_data={"spiece_model": weights.pop("spiece_model")},
        state_dict=[weights],
        model_options={"umt5xxl_model_config": config},
    )
    return clip


def load_network(order: dict, which: int, exact: bool):
    file = (order.get("exact_networks") if exact else None) or order["networks"]
    (model,) = nodes.UNETLoader().load_unet(file[which], "default")
    for lora in order.get("loras", []):
        if lora.get("which", which) == which:
            (model,) = nodes.LoraLoaderModelOnly().load_lora_model_only(model, lora["file"], lora["strength"])
    (model,) = nodes_model_advanced.ModelSamplingSD3().patch(model, order["shift"])
    return model


def conditions(order: dict, vae):
    """(positive, negative), with what the picture brings."""
    clip = load_text(order["text"], order["text_config"])
    texts = [nodes.CLIPTextEncode().encode(clip, order[name])[0] for name in ("prompt", "negative")]
    if "picture" not in order:
        return texts
    pictures = [picture(order[name]) for name in ("picture", "end_picture") if name in order]
    seen = {}
    if "image_encoder" in order:
        encoder = comfy.clip_vision.ClipVisionModel(order["image_config"])
        encoder.load_sd(comfy.utils.load_torch_file(str(FOLDER / order["image_encoder"])))
        names = ["clip_vision_output"] if len(pictures) == 1 else ["clip_vision_start_image", "clip_vision_end_image"]
        for name, pixels in zip(names, pictures, strict=True):
            (seen[name],) = nodes.CLIPVisionEncode().encode(encoder, pixels, "center")
    node = nodes_wan.WanImageToVideo if len(pictures) == 1 else nodes_wan.WanFirstLastFrameToVideo
    given = dict(zip(["start_image", "end_image"], pictures, strict=False))
    size = (order["width"], order["height"], order["frames"], 1)
    return node.execute(*texts, vae, *size, **given, **seen).result[:2]


def picture(file: str) -> torch.Tensor:
    """As the node LoadImage gives it."""
    return torch.from_numpy(np.array(Image.open(FOLDER / file)).astype(np.float32) / 255.0)[None]


def sample(order: dict, models: list, positive, negative, latent: dict) -> dict:
    settings = (order["steps"], order["cfg"], order["sampler"], "simple", positive, negative)
    second = (order["steps"], order["second_cfg"] or order["cfg"], *settings[2:])
    if len(models) == 1:
        return nodes.common_ksampler(models[0], order["seed"], *settings, latent)[0]
    sampler, first = nodes.KSamplerAdvanced(), order["first_steps"]
    (latent,) = sampler.sample(models[0], "enable", order["seed"], *settings, latent, 0, first, "enable")
    return sampler.sample(models[1], "disable", 0, *second, latent, first, 10000, "disable")[0]


def make_clip(order: dict, exact: bool) -> dict[str, torch.Tensor]:
    (vae,) = nodes.VAELoader().load_vae(order["vae"])
    positive, negative = conditions(order, vae)
    models = [load_network(order, which, exact) for which in range(len(order["networks"]))]
    channels, shrink = order["latent"]
    shape = (1, channels, (order["frames"] - 1) // 4 + 1, order["height"] // shrink, order["width"] // shrink)
    noise = order.setdefault("noise", prepare_noise(torch.zeros(shape), order["seed"]))
    # Random numbers in double are other numbers.
    comfy.sample.prepare_noise = lambda *_: noise.double() if exact else noise
    made = sample(order, models, positive, negative, {"samples": torch.zeros(shape)})
    answer = {"latents": models[0].model.process_latent_in(made["samples"].double())}
    return answer | ({"frames": nodes.VAEDecode().decode(vae, made)[0]} if order["decoded"] else {})


def save(order: dict) -> None:
    """Has ComfyUI's nodes write what they read."""
    models = [nodes.UNETLoader().load_unet(file, "default")[0] for file in order["networks"]]
    (vae,) = nodes.VAELoader().load_vae(order["vae"])
    clip = load_text(order["text"], order["text_config"])
    nodes_model_merging.ModelSave().save(models[0], "model")
    nodes_model_merging.VAESave().save(vae, "vae")
    nodes_model_merging.CLIPSave().save(clip, "text")
    nodes_model_merging.CheckpointSave().save(models[0], clip, vae, "checkpoint")
    (difference,) = nodes_model_merging.ModelSubtract().merge(models[1], models[0], 1.0)
    for kind in ("standard", "full_diff"):
        nodes_lora_extract.LoraSave.execute(f"lora_{kind}", 8, kind, True, difference)


def main() -> None:
    orders = json.loads((FOLDER / "orders.json").read_text())
    (FOLDER / "answers").mkdir()
    with torch.inference_mode():
        for name, order in orders.items():
            logging.info("== %s", name)
            if name == "save":
                save(order)
                continue
            made = make_clip(order, exact=False)
            with everything_in_double():
                made |= {f"{key}/exact": x for key, x in make_clip(order, exact=True).items()}
            safetensors.torch.save_file(
                {key: x.contiguous() for key, x in made.items()}, FOLDER / "answers" / f"{name}.safetensors"
            )


main()
