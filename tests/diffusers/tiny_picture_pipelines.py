# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Pipelines of diffusers that are given pictures, or that join sound or forced frames to the clip."""

import dataclasses

import torch
from tiny_pipelines import SIZE, Pipe, Sizes, flow, unipc
from tiny_transformers import GRID, TEXT, TINY, noise

PROMPTS = {"prompt_embeds": noise(1, 512, 16, seed=1), "negative_prompt_embeds": noise(1, 512, 16, seed=2)}
SHORT_PROMPTS = {"prompt_embeds": noise(1, TEXT, 16, seed=1), "negative_prompt_embeds": noise(1, TEXT, 16, seed=2)}


def wan_vae():
    """A real one, as these pipelines encode with it: 4 channels, eighths of the sides, quarters of the frames."""
    from diffusers import AutoencoderKLWan

    torch.manual_seed(3)
    statistics = {"latents_mean": [0.0] * 4, "latents_std": [1.0] * 4}
    small = {"base_dim": 4, "z_dim": 4, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1}
    return AutoencoderKLWan(**small, **statistics, temperal_downsample=[False, True, True]).eval()


def picture():
    return torch.rand(1, 3, SIZE["height"], SIZE["width"], generator=torch.Generator().manual_seed(4))


def pil_picture():
    from PIL import Image

    return Image.fromarray((picture()[0].permute(1, 2, 0) * 255).to(torch.uint8).numpy())


def clip_vision():
    """(image encoder, a processor that makes 4 x 4 pixels of any picture)."""
    from transformers import BatchFeature, CLIPVisionConfig, CLIPVisionModel

    torch.manual_seed(3)
    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
    encoder = CLIPVisionModel(CLIPVisionConfig(**sizes, image_size=4, patch_size=2)).eval()
    return encoder, lambda images, return_tensors: BatchFeature({"pixel_values": noise(1, 3, 4, 4, seed=6)})


def changed(case, **config):
    """A case with another config, for pipelines that join other channels to the latents than the case's inputs do."""
    return dataclasses.replace(case, config={**case.config, **config})


def wan_image():
    """Wan 2.1's: 4 channels of the clip, 4 of the mask, 4 of the picture, and what an image encoder makes of it."""
    from diffusers import WanImageToVideoPipeline

    case = changed(TINY["wan_image"], in_channels=12)
    parts = {"tokenizer": None, "text_encoder": None, "vae": wan_vae(), "scheduler": unipc()}
    encoder, processor = clip_vision()
    more = {"image_encoder": encoder, "image_processor": processor}
    pipeline = WanImageToVideoPipeline(**parts, **more, transformer=case.made())
    return Pipe(pipeline, case, {**PROMPTS, **SIZE, "image": picture(), "guidance_scale": 5.0}, forwards=2)


def wan_image_5b():
    """Wan 2.2's small model: the first frame is given, so each token has a timestep of its own."""
    from diffusers import WanImageToVideoPipeline

    case = TINY["wan_timestep_for_each_token"]
    parts = {"tokenizer": None, "text_encoder": None, "vae": wan_vae(), "scheduler": unipc()}
    pipeline = WanImageToVideoPipeline(**parts, transformer=case.made(), expand_timesteps=True)
    return Pipe(pipeline, case, {**PROMPTS, **SIZE, "image": picture(), "guidance_scale": 5.0}, forwards=2)


def wan_vace():
    """With a picture for reference, which stands as one more frame before the clip."""
    from diffusers import WanVACEPipeline

    case = changed(TINY["wan_vace"], vace_in_channels=8 + 64)
    case = dataclasses.replace(case, grid=(GRID[0] + 1, *GRID[1:]))
    parts = {"tokenizer": None, "text_encoder": None, "vae": wan_vae(), "scheduler": unipc()}
    pipeline = WanVACEPipeline(**parts, transformer=case.made())
    given = {**PROMPTS, **SIZE, "reference_images": [[pil_picture()]], "guidance_scale": 5.0}
    return Pipe(pipeline, case, given, forwards=2)


def skyreels_forcing():
    """All frames at one time. Asynchronous forcing works on a part of the frames in some steps."""
    from diffusers import SkyReelsV2DiffusionForcingPipeline

    case = TINY["skyreels_v2_forcing"]
    parts = {"tokenizer": None, "text_encoder": None, "vae": None, "scheduler": unipc()}
    pipeline = SkyReelsV2DiffusionForcingPipeline(**parts, transformer=case.made())
    return Pipe(pipeline, case, {**PROMPTS, "prompt": None, **SIZE, "guidance_scale": 5.0}, forwards=2)


def cosmos_predict2():
    from diffusers import Cosmos2VideoToWorldPipeline

    case = changed(TINY["cosmos_predict2"], in_channels=5)  # and the condition's mask
    parts = {"tokenizer": None, "text_encoder": None, "vae": wan_vae(), "safety_checker": Sizes()}
    scheduler = flow(1.0, use_karras_sigmas=True)
    pipeline = Cosmos2VideoToWorldPipeline(**parts, transformer=case.made(), scheduler=scheduler)
    given = {**SHORT_PROMPTS, **SIZE, "image": picture(), "guidance_scale": 5.0}
    return Pipe(pipeline, case, given, forwards=2)


def cosmos_predict25():
    from diffusers import Cosmos2_5_PredictBasePipeline

    case = changed(TINY["cosmos_predict2"], in_channels=5)
    parts = {"tokenizer": None, "text_encoder": None, "vae": wan_vae(), "safety_checker": Sizes()}
    pipeline = Cosmos2_5_PredictBasePipeline(**parts, transformer=case.made(), scheduler=unipc())
    return Pipe(pipeline, case, {**SHORT_PROMPTS, **SIZE, "guidance_scale": 5.0}, forwards=2)


class Connectors(torch.nn.Module):
    """In place of what LTX-2 makes of its text encoder's states: (for the clip, for the sound, mask)."""

    device, dtype = torch.device("cpu"), torch.float32

    def forward(self, embeds, mask, padding_side):
        return embeds, embeds, mask


def ltx2():
    """Clip and sound, whose tokens attend among themselves and to each other."""
    from diffusers import LTX2Pipeline

    case = TINY["ltx2"]
    parts = dict.fromkeys(("text_encoder", "tokenizer", "vocoder"))
    statistics = {"latents_mean": torch.zeros(8), "latents_std": torch.ones(8)}
    parts["vae"] = Sizes(spatial_compression_ratio=32, temporal_compression_ratio=8, scaling_factor=1.0, **statistics)
    audio = {"sample_rate": 16000, "mel_hop_length": 160, "mel_bins": 4, "latent_channels": 8}
    parts["audio_vae"] = Sizes(mel_compression_ratio=4, temporal_compression_ratio=4, **audio, **statistics)
    pipeline = LTX2Pipeline(**parts, connectors=Connectors(), transformer=case.made(), scheduler=flow(1.0))
    mask = torch.ones(1, TEXT).long()
    given = {
        **SHORT_PROMPTS,
        **{"prompt_attention_mask": mask, "negative_prompt_attention_mask": mask},
        **{"height": 32 * GRID[1], "width": 32 * GRID[2], "num_frames": 17, "guidance_scale": 5.0},
        **{"stg_scale": 0.0, "audio_stg_scale": 0.0, "modality_scale": 1.0, "audio_modality_scale": 1.0},
    }
    return Pipe(pipeline, case, given, batch=2)


PICTURE_PIPELINES = {
    "wan_image": wan_image,
    "wan_image_5b": wan_image_5b,
    "wan_vace": wan_vace,
    "skyreels_forcing": skyreels_forcing,
    "cosmos_predict2": cosmos_predict2,
    "cosmos_predict25": cosmos_predict25,
    "ltx2": ltx2,
}
