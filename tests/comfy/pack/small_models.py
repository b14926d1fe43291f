# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Every class of video model that the pack knows, small and with random weights, inside ComfyUI."""

from collections.abc import Callable
from dataclasses import dataclass, field

import comfy.model_patcher
import comfy.nested_tensor
import comfy.sample
import comfy.supported_models as supported
import torch

TEXT = 11  # tokens of a prompt


def normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@dataclass(frozen=True)
class Case:
    """latent: [channels, frames, rows, columns]. grid: tokens that it becomes, worked out by hand.

    stacks: (layers, heads); prefix, suffix: tokens beside the grid, by hand too. cond: what the prompt carries.
    """

    config: type
    unet: dict
    latent: tuple[int, int, int, int]
    grid: tuple[int, int, int]
    stacks: tuple[tuple[int, int], ...]
    head_dim: int
    family: str
    text_dim: int
    prefix: int = 0
    suffix: int = 0
    cond: Callable[[], dict] = field(default=dict)
    audio: tuple[int, ...] = ()  # latent of a second stream
    interleaved: tuple[int, ...] = ()  # stack of each self-attention call of a forward, where stacks alternate


WAN = {
    "image_model": "wan2.1",
    "model_type": "t2v",
    "dim": 128,
    "out_dim": 16,
    "num_heads": 2,
    "ffn_dim": 128,
    "num_layers": 3,
    "patch_size": (1, 2, 2),
    "freq_dim": 256,
    "window_size": (-1, -1),
    "qk_norm": True,
    "cross_attn_norm": True,
    "eps": 1e-6,
    "in_dim": 16,
    "text_dim": 32,
}
HUNYUAN = {
    "image_model": "hunyuan_video",
    "in_channels": 16,
    "out_channels": 16,
    "patch_size": [1, 2, 2],
    "vec_in_dim": 24,
    "axes_dim": [16, 24, 24],
    "meanflow": False,
    "context_in_dim": 32,
    "hidden_size": 128,
    "mlp_ratio": 2.0,
    "num_heads": 2,
    "depth": 2,
    "depth_single_blocks": 3,
    "theta": 256,
    "qkv_bias": True,
    "byt5": False,
    "guidance_embed": True,
    "use_cond_type_embedding": False,
    "vision_in_dim": None,
    "meanflow_sum": False,
}
COG = {
    "image_model": "cogvideox",
    "num_attention_heads": 2,
    "attention_head_dim": 64,
    "time_embed_dim": 64,
    "num_layers": 3,
    "in_channels": 16,
    "patch_size": 2,
    "text_embed_dim": 32,
    "use_learned_positional_embeddings": False,
    "use_rotary_positional_embeddings": True,
}
COSMOS = {
    "max_img_h": 240,
    "max_img_w": 240,
    "max_frames": 128,
    "in_channels": 16,
    "out_channels": 16,
    "patch_spatial": 2,
    "patch_temporal": 1,
    "model_channels": 128,
    "concat_padding_mask": True,
    "crossattn_emb_channels": 32,
    "pos_emb_cls": "rope3d",
    "pos_emb_interpolation": "crop",
    "use_adaln_lora": True,
    "adaln_lora_dim": 16,
    "num_blocks": 3,
    "num_heads": 2,
    "rope_h_extrapolation_ratio": 1.0,
    "rope_w_extrapolation_ratio": 1.0,
    "rope_t_extrapolation_ratio": 1.0,
}
GRID = (4, 10, 14)

CASES = {
    "wan_t2v": Case(supported.WAN21_T2V, WAN, (16, 4, 20, 28), GRID, ((3, 2),), 64, "wan2.1-t2v", 32),
    "wan_odd_size_is_padded": Case(supported.WAN21_T2V, WAN, (16, 4, 19, 27), GRID, ((3, 2),), 64, "wan2.1-t2v", 32),
    "wan_i2v": Case(
        supported.WAN21_I2V,
        {**WAN, "model_type": "i2v", "in_dim": 36},
        (16, 4, 20, 28),
        GRID,
        ((3, 2),),
        64,
        "wan2.1-i2v",
        32,
    ),
    "wan22_5b": Case(
        supported.WAN22_T2V,
        {**WAN, "in_dim": 48, "out_dim": 48},
        (48, 4, 20, 28),
        GRID,
        ((3, 2),),
        64,
        "wan2.2-ti2v",
        32,
    ),
    "wan_reference_frame_in_front": Case(
        supported.WAN21_FunControl2V,
        {**WAN, "in_dim_ref_conv": 16},
        (16, 4, 20, 28),
        GRID,
        ((3, 2),),
        64,
        "wan2.1",
        32,
        prefix=140,
        cond=lambda: {"reference_latents": [normal(5, 1, 16, 1, 20, 28)]},
    ),
    "wan_vace": Case(
        supported.WAN21_Vace,
        {**WAN, "model_type": "vace", "num_layers": 4, "vace_layers": 2, "vace_in_dim": 96},
        (16, 4, 20, 28),
        GRID,
        ((4, 2), (2, 2)),
        64,
        "wan2.1-vace",
        32,
        interleaved=(0, 1, 0, 0, 1, 0),
    ),
    "hunyuan_video": Case(
        supported.HunyuanVideo,
        HUNYUAN,
        (16, 4, 20, 28),
        GRID,
        ((2, 2), (3, 2)),
        64,
        "hunyuanvideo",
        32,
        prefix=TEXT,
        cond=lambda: {"pooled_output": normal(6, 1, 24)},
    ),
    "hunyuan_video_15": Case(
        supported.HunyuanVideo15,
        {
            **HUNYUAN,
            "in_channels": 65,
            "out_channels": 32,
            "patch_size": [1, 1, 1],
            "vec_in_dim": None,
            "depth_single_blocks": 0,
            "guidance_embed": False,
            "use_cond_type_embedding": True,
            "vision_in_dim": 16,
            "meanflow_sum": True,
        },
        (32, 4, 10, 14),
        GRID,
        ((2, 2),),
        64,
        "hunyuanvideo-1.5",
        32,
        prefix=TEXT,
        cond=lambda: {"pooled_output": normal(6, 1, 24)},
    ),
    "cogvideox": Case(
        supported.CogVideoX_T2V, COG, (16, 4, 20, 28), GRID, ((3, 2),), 64, "cogvideox-5b", 32, prefix=TEXT
    ),
    "cogvideox_15_joins_frames": Case(
        supported.CogVideoX_T2V,
        {**COG, "patch_size_t": 2},
        (16, 7, 20, 28),
        GRID,
        ((3, 2),),
        64,
        "cogvideox-1.5",
        32,
        prefix=TEXT,
    ),
    "ltxv": Case(
        supported.LTXV,
        {
            "image_model": "ltxv",
            "num_layers": 3,
            "attention_head_dim": 32,
            "num_attention_heads": 2,
            "cross_attention_dim": 64,
            "caption_channels": 32,
            "in_channels": 128,
        },
        (128, 4, 10, 14),
        GRID,
        ((3, 2),),
        32,
        "ltx-video",
        32,
        cond=lambda: {"attention_mask": torch.ones(1, TEXT)},
    ),
    "ltx_2_with_audio": Case(
        supported.LTXAV,
        {
            "image_model": "ltxav",
            "num_layers": 3,
            "attention_head_dim": 64,
            "audio_attention_head_dim": 32,
            "num_attention_heads": 2,
            "audio_num_attention_heads": 2,
            "cross_attention_dim": 128,
            "audio_cross_attention_dim": 64,
            "caption_channels": 32,
        },
        (128, 4, 10, 14),
        GRID,
        ((3, 2),),
        64,
        "ltx-2",
        64,
        cond=lambda: {"attention_mask": torch.ones(1, TEXT)},
        audio=(8, 9, 16),
    ),
    "mochi": Case(
        supported.GenmoMochi,
        {
            "image_model": "mochi_preview",
            "depth": 3,
            "patch_size": 2,
            "num_heads": 2,
            "hidden_size_x": 128,
            "hidden_size_y": 64,
            "mlp_ratio_x": 96.0,  # the class insists on 12,288 features
            "mlp_ratio_y": 2.0,
            "learn_sigma": False,
            "in_channels": 12,
            "qk_norm": True,
            "qkv_bias": False,
            "out_bias": True,
            "attn_drop": 0.0,
            "patch_embed_bias": True,
            "posenc_preserve_area": True,
            "timestep_mlp_bias": True,
            "attend_to_padding": False,
            "timestep_scale": 1000.0,
            "use_t5": True,
            "t5_feat_dim": 32,
            "t5_token_length": 256,
            "rope_theta": 10000.0,
        },
        (12, 4, 20, 28),
        GRID,
        ((3, 2),),
        64,
        "mochi-1",
        32,
        suffix=TEXT - 3,  # three of the prompt's tokens are padding and cropped
        cond=lambda: {"attention_mask": torch.tensor([[1] * (TEXT - 3) + [0] * 3])},
    ),
    "cosmos_1": Case(
        supported.CosmosT2V,
        {
            **COSMOS,
            "image_model": "cosmos",
            "pos_emb_learnable": False,
            "block_config": "FA-CA-MLP",
            "block_x_format": "THWBD",
            "affline_emb_norm": True,
            "extra_per_block_abs_pos_emb": True,
            "extra_per_block_abs_pos_emb_type": "learnable",
        },
        (16, 4, 20, 28),
        GRID,
        ((3, 2),),
        64,
        "cosmos-1",
        32,
    ),
    "cosmos_predict2": Case(
        supported.CosmosT2IPredict2,
        {
            **COSMOS,
            "image_model": "cosmos_predict2",
            "pos_emb_learnable": True,
            "min_fps": 1,
            "max_fps": 30,
            "extra_per_block_abs_pos_emb": False,
        },
        (16, 4, 20, 28),
        GRID,
        ((3, 2),),
        64,
        "cosmos-predict2",
        32,
    ),
    "kandinsky5": Case(
        supported.Kandinsky5,
        {
            "image_model": "kandinsky5",
            "model_dim": 128,
            "axes_dims": (16, 24, 24),
            "time_dim": 32,
            "ff_dim": 128,
            "visual_embed_dim": 132,
            "num_text_blocks": 2,
            "num_visual_blocks": 3,
        },
        (16, 4, 20, 28),
        GRID,
        ((3, 2),),
        64,
        "kandinsky-5",
        3584,
        cond=lambda: {"pooled_output": normal(6, 1, 768)},
    ),
}


def randomise(network: torch.nn.Module) -> None:
    """Weights that keep signals of about one size; what the class made itself (frequencies) stays."""
    generator = torch.Generator().manual_seed(3)
    for name, parameter in network.named_parameters():
        fan_in = parameter[0].numel() if parameter.ndim > 1 else 1
        values = torch.randn(parameter.shape, generator=generator)
        if parameter.ndim == 1 and "bias" not in name:
            parameter.data = 1 + 0.1 * values
        elif parameter.ndim == 1:
            parameter.data = 0.1 * values
        else:
            parameter.data = values * fan_in**-0.5


def build(case: Case) -> comfy.model_patcher.ModelPatcher:
    config = case.config(dict(case.unet))
    config.set_inference_dtype(torch.float32, None)
    model = config.get_model({}, "", device="cpu")
    randomise(model.diffusion_model)
    model.diffusion_model.eval()
    cpu = torch.device("cpu")
    return comfy.model_patcher.ModelPatcher(model, cpu, cpu)


def sample(model, case: Case, *, steps: int = 2, cfg: float = 1.0, batch: int = 1, seed: int = 1, **more):
    noise = normal(seed, batch, *case.latent)
    if case.audio:
        noise = comfy.nested_tensor.NestedTensor((noise, normal(seed + 1, batch, *case.audio)))
    prompts = [[normal(20 + i, 1, TEXT, case.text_dim), case.cond()] for i in range(2)]
    latent = comfy.sample.sample(
        model,
        noise,
        steps,
        cfg,
        "euler",
        "simple",
        [prompts[0]],
        [prompts[1]],
        noise * 0,
        disable_pbar=True,
        seed=1,
        **more,
    )
    return torch.cat([x.flatten() for x in latent.unbind()]) if case.audio else latent
