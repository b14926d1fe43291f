# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Pipelines of diffusers around the tiny transformers, with prompts that are encoded already and no VAE."""

import types

import torch
from tiny_transformers import GRID, TEXT, TINY, noise

STEPS = 4


class Pipe:
    """pipeline, and what it is called with. batch: clips in one forward. forwards: of one step."""

    def __init__(self, pipeline, case, given, batch=1, forwards=1):
        self.pipeline = pipeline
        self.case = case
        self.given = given
        self.batch = batch
        self.forwards = forwards
        pipeline.set_progress_bar_config(disable=True)

    def __call__(self, **more):
        generator = torch.Generator().manual_seed(5)
        options = {"num_inference_steps": STEPS, "generator": generator, "output_type": "latent", "return_dict": False}
        return self.pipeline(**{**options, **self.given, **more})[0]


class Sizes(torch.nn.Module):
    """In place of a VAE or of Cosmos's safety checker: what pipelines ask of them before they are used."""

    device, dtype = torch.device("cpu"), torch.float32

    def __init__(self, **config):
        super().__init__()
        self.config = types.SimpleNamespace(**config)
        self.__dict__.update(config)


def flow(shift=3.0, **more):
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler(shift=shift, **more)


def unipc():
    from diffusers import UniPCMultistepScheduler

    return UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0)


SIZE = {"height": 128, "width": 192, "num_frames": 9}  # 3 x 16 x 24 latents


def wan(guidance=5.0, experts=1, scheduler=None, **more):
    from diffusers import WanPipeline

    case = TINY["wan"]
    second = {"transformer_2": case.made(), "boundary_ratio": 0.875} if experts == 2 else {}
    parts = {"tokenizer": None, "text_encoder": None, "vae": None}
    pipeline = WanPipeline(**parts, transformer=case.made(), scheduler=scheduler or unipc(), **second)
    prompts = {"prompt_embeds": noise(1, 512, 16, seed=1), "negative_prompt_embeds": noise(1, 512, 16, seed=2)}
    given = {**prompts, **SIZE, "guidance_scale": guidance, **more}
    return Pipe(pipeline, case, given, forwards=2 if guidance > 1 else 1)


def skyreels_v2():
    from diffusers import SkyReelsV2Pipeline

    case = TINY["skyreels_v2"]
    parts = {"tokenizer": None, "text_encoder": None, "vae": None}
    pipeline = SkyReelsV2Pipeline(**parts, transformer=case.made(), scheduler=unipc())
    prompts = {"prompt_embeds": noise(1, 512, 16, seed=1), "negative_prompt_embeds": noise(1, 512, 16, seed=2)}
    return Pipe(pipeline, case, {**prompts, **SIZE, "guidance_scale": 5.0}, forwards=2)


def hunyuan_video():
    from diffusers import HunyuanVideoPipeline

    case = TINY["hunyuan_video_padded_text"]
    parts = dict.fromkeys(("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2", "vae"))
    pipeline = HunyuanVideoPipeline(**parts, transformer=case.made(), scheduler=flow(7.0))
    given = {
        "prompt_embeds": noise(1, TEXT, 16, seed=1),
        "pooled_prompt_embeds": noise(1, 8, seed=2),
        "prompt_attention_mask": (torch.arange(TEXT) < 11).long()[None],
    }
    return Pipe(pipeline, case, {**given, **SIZE})


def cogvideox(name="CogVideoXDDIMScheduler"):
    import diffusers

    case = TINY["cogvideox"]
    parts = {"tokenizer": None, "text_encoder": None, "vae": None}
    scheduler = getattr(diffusers, name)(timestep_spacing="trailing")
    pipeline = diffusers.CogVideoXPipeline(**parts, transformer=case.made(), scheduler=scheduler)
    prompts = {"prompt_embeds": noise(1, TEXT, 16, seed=1), "negative_prompt_embeds": noise(1, TEXT, 16, seed=2)}
    return Pipe(pipeline, case, {**prompts, **SIZE, "guidance_scale": 5.0}, batch=2)


def ltx():
    from diffusers import LTXPipeline

    case = TINY["ltx"]
    parts = {"tokenizer": None, "text_encoder": None, "vae": None}
    pipeline = LTXPipeline(**parts, transformer=case.made(), scheduler=flow(1.0, use_dynamic_shifting=True))
    mask = torch.ones(1, TEXT).long()
    given = {
        "prompt_embeds": noise(1, TEXT, 16, seed=1),
        "prompt_attention_mask": mask,
        "negative_prompt_embeds": noise(1, TEXT, 16, seed=2),
        "negative_prompt_attention_mask": mask,
        **{"height": 32 * GRID[1], "width": 32 * GRID[2], "num_frames": 17, "guidance_scale": 5.0},
    }
    return Pipe(pipeline, case, given, batch=2)


def mochi():
    from diffusers import MochiPipeline

    case = TINY["mochi"]
    parts = {"tokenizer": None, "text_encoder": None, "vae": None}
    pipeline = MochiPipeline(**parts, transformer=case.made(), scheduler=flow(1.0, invert_sigmas=True))
    mask = torch.ones(1, TEXT).bool()
    given = {
        "prompt_embeds": noise(1, TEXT, 16, seed=1),
        "prompt_attention_mask": mask,
        "negative_prompt_embeds": noise(1, TEXT, 16, seed=2),
        "negative_prompt_attention_mask": mask,
        **{"height": 128, "width": 192, "num_frames": 13, "guidance_scale": 5.0},
    }
    return Pipe(pipeline, case, given, batch=2)


def hunyuan_video15():
    from diffusers import ClassifierFreeGuidance, HunyuanVideo15Pipeline

    case = TINY["hunyuan_video15"]
    parts = dict.fromkeys(("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2"))
    parts["vae"] = Sizes(latent_channels=2, temporal_compression_ratio=4, spatial_compression_ratio=16)
    transformer = case.made()
    guider = ClassifierFreeGuidance(guidance_scale=4.0)
    pipeline = HunyuanVideo15Pipeline(**parts, transformer=transformer, scheduler=flow(5.0), guider=guider)
    pipeline.vision_num_semantic_tokens = 4
    given = {}
    for number, name in enumerate(("prompt_embeds", "negative_prompt_embeds")):
        masks = (torch.arange(12) < 9).long()[None], (torch.arange(8) < 3).long()[None]
        for kind, tokens, mask in (("", 12, masks[0]), ("_2", 8, masks[1])):
            given |= {f"{name}{kind}": noise(1, tokens, 16, seed=number), f"{name}_mask{kind}": mask}
    return Pipe(pipeline, case, {**given, **SIZE}, forwards=2)


def kandinsky5():
    from diffusers import Kandinsky5T2VPipeline

    case = TINY["kandinsky5"]
    parts = dict.fromkeys(("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2", "vae"))
    pipeline = Kandinsky5T2VPipeline(**parts, transformer=case.made(), scheduler=flow(5.0))
    given = {}
    for number, name in enumerate(("", "negative_")):
        given |= {
            f"{name}prompt_embeds_qwen": noise(1, TEXT, 16, seed=number),
            f"{name}prompt_embeds_clip": noise(1, 8, seed=number + 2),
            f"{name}prompt_cu_seqlens": torch.tensor([0, TEXT]),
        }
    return Pipe(pipeline, case, {**given, **SIZE, "guidance_scale": 5.0}, forwards=2)


def cosmos1():
    from diffusers import CosmosTextToWorldPipeline, EDMEulerScheduler

    case = TINY["cosmos1"]
    parts = {"tokenizer": None, "text_encoder": None, "vae": None, "safety_checker": Sizes()}
    scheduler = EDMEulerScheduler(sigma_min=0.002, sigma_max=80, sigma_data=0.5, final_sigmas_type="sigma_min")
    pipeline = CosmosTextToWorldPipeline(**parts, transformer=case.made(), scheduler=scheduler)
    prompts = {"prompt_embeds": noise(1, TEXT, 16, seed=1), "negative_prompt_embeds": noise(1, TEXT, 16, seed=2)}
    return Pipe(pipeline, case, {**prompts, **SIZE, "num_frames": 17, "guidance_scale": 5.0}, forwards=2)


def ltx_condition():
    """It says the place of each token, not how many frames, rows and columns there are."""
    from diffusers import LTXConditionPipeline

    pipe = ltx()
    vae = Sizes(spatial_compression_ratio=32, temporal_compression_ratio=8)
    parts = {"tokenizer": None, "text_encoder": None, "vae": vae}
    pipeline = LTXConditionPipeline(**parts, transformer=pipe.pipeline.transformer, scheduler=flow(1.0))
    return Pipe(pipeline, pipe.case, pipe.given, batch=2)


PIPELINES = {
    "wan": wan,
    "wan_without_guidance": lambda: wan(guidance=1.0),
    "skyreels_v2": skyreels_v2,
    "hunyuan_video": hunyuan_video,
    "cogvideox": cogvideox,
    "cogvideox_dpm": lambda: cogvideox("CogVideoXDPMScheduler"),
    "ltx": ltx,
    "ltx_condition": ltx_condition,
    "mochi": mochi,
    "hunyuan_video15": hunyuan_video15,
    "kandinsky5": kandinsky5,
    "cosmos1": cosmos1,
}
