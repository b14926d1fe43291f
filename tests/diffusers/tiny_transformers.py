# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Transformers of diffusers with random weights: two layers, two heads of 16, clips of a few hundred tokens."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

HEADS, HEAD_DIM = 2, 16
DIM = HEADS * HEAD_DIM
GRID = 3, 8, 12  # 288 tokens: three query tiles, five key tiles
LATENT = 3, 16, 24  # of patches of 1 x 2 x 2
TEXT = 24


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@dataclass(frozen=True)
class Tiny:
    """file, name: of its class. stacks: layers of each, in plans by name. inputs: (batch, timestep) -> arguments.

    timestep: t -> the number that the network is given. prefix, suffix: tokens beside the clip. one_by_one: its
    processor attends to one clip of the batch after the other. rounds_to: between its layers, in a network of float32;
    an error of an earlier layer may turn a number to its neighbour there.
    """

    file: str
    name: str
    family: str
    config: dict
    inputs: Callable
    stacks: dict = field(default_factory=lambda: {"blocks": 2})
    grid: tuple = GRID
    prefix: int = 0
    suffix: int = 0
    timestep: Callable = lambda t: 1000.0 * t
    one_by_one: bool = False
    rounds_to: torch.dtype = torch.float32

    @property
    def module(self):
        """Of diffusers, that its processor is of."""
        return importlib.import_module(f"diffusers.models.{self.file}")

    def made(self):
        import diffusers

        torch.manual_seed(7)
        transformer = getattr(diffusers, self.name)(**self.config).eval()
        # Of what is initialised as 0 the result would not depend on attention.
        for parameter in transformer.parameters():
            if not parameter.detach().abs().max() > 0:
                torch.nn.init.normal_(parameter, std=0.2)
        return transformer

    def given(self, t=0.5, batch=1, seed=0):
        arguments = self.inputs(batch, torch.full((batch,), float(self.timestep(t))), seed)
        return {**arguments, "return_dict": False}

    @property
    def layers(self):
        return sum(self.stacks.values())


def run(transformer, arguments):
    """Its first result."""
    with torch.no_grad():
        out = transformer(**arguments)
    return out if isinstance(out, torch.Tensor) else out[0]  # Kandinsky's gives no tuple


def wan_inputs(batch, timestep, seed, channels=4):
    return {
        "hidden_states": noise(batch, channels, *LATENT, seed=seed),
        "timestep": timestep,
        "encoder_hidden_states": noise(batch, 512, 16, seed=seed + 1),
    }


def wan_image_inputs(batch, timestep, seed):
    pictures = noise(batch, 5, 8, seed=seed + 2)
    return {**wan_inputs(batch, timestep, seed, 9), "encoder_hidden_states_image": pictures}


def per_token_inputs(batch, timestep, seed):
    """Wan 2.2's 5B model: the first latent frame is given, so its tokens are at t 0."""
    tokens = timestep[:, None].repeat(1, GRID[0] * GRID[1] * GRID[2])
    tokens[:, : GRID[1] * GRID[2]] = 0.0
    return wan_inputs(batch, tokens, seed)


def vace_inputs(batch, timestep, seed):
    return {**wan_inputs(batch, timestep, seed), "control_hidden_states": noise(batch, 6, *LATENT, seed=seed + 3)}


def forcing_inputs(batch, timestep, seed):
    """SkyReels V2's diffusion forcing: a timestep for each frame."""
    frames = timestep[:, None] * torch.tensor([[0.25, 1.0, 0.5]])
    return {**wan_inputs(batch, frames, seed), "enable_diffusion_forcing": True}


def hunyuan_inputs(batch, timestep, seed, lengths=(TEXT, TEXT)):
    mask = torch.arange(TEXT)[None] < torch.tensor(lengths[:batch])[:, None]
    return {
        "hidden_states": noise(batch, 4, *LATENT, seed=seed),
        "timestep": timestep,
        "encoder_hidden_states": noise(batch, TEXT, 16, seed=seed + 1),
        "encoder_attention_mask": mask.long(),
        "pooled_projections": noise(batch, 8, seed=seed + 2),
        "guidance": torch.full((batch,), 6000.0),
    }


def hunyuan15_inputs(batch, timestep, seed, lengths=(9, 9)):
    def mask(valid, tokens):
        return (torch.arange(tokens) < valid).long()[None].repeat(batch, 1)

    first = torch.arange(12)[None] < torch.tensor(lengths[:batch])[:, None]
    return {
        "hidden_states": noise(batch, 5, *GRID, seed=seed),
        "timestep": timestep,
        "encoder_hidden_states": noise(batch, 12, 16, seed=seed + 1),
        "encoder_attention_mask": first.long(),
        "encoder_hidden_states_2": noise(batch, 8, 16, seed=seed + 2),
        "encoder_attention_mask_2": mask(3, 8),
        "image_embeds": torch.zeros(batch, 4, 16),
    }


def cogvideox_inputs(batch, timestep, seed, frames=3):
    return {
        "hidden_states": noise(batch, frames, 4, 16, 24, seed=seed),
        "encoder_hidden_states": noise(batch, TEXT, 16, seed=seed + 1),
        "timestep": timestep,
    }


def ltx_inputs(batch, timestep, seed):
    return {
        "hidden_states": noise(batch, 288, 8, seed=seed),
        "encoder_hidden_states": noise(batch, TEXT, 16, seed=seed + 1),
        "timestep": timestep,
        "encoder_attention_mask": torch.ones(batch, TEXT).long(),
        **dict(zip(("num_frames", "height", "width"), GRID, strict=True)),
    }


def ltx2_inputs(batch, timestep, seed):
    return {
        **ltx_inputs(batch, timestep, seed),
        "audio_hidden_states": noise(batch, 20, 8, seed=seed + 4),
        "audio_encoder_hidden_states": noise(batch, TEXT, 16, seed=seed + 5),
        "audio_encoder_attention_mask": torch.ones(batch, TEXT).long(),
        "audio_num_frames": 20,
        "fps": 25.0,
    }


def mochi_inputs(batch, timestep, seed, lengths=(TEXT, TEXT)):
    mask = torch.arange(TEXT)[None] < torch.tensor(lengths[:batch])[:, None]
    return {
        "hidden_states": noise(batch, 4, *LATENT, seed=seed),
        "encoder_hidden_states": noise(batch, TEXT, 16, seed=seed + 1),
        "timestep": timestep,
        "encoder_attention_mask": mask,
    }


def kandinsky_inputs(batch, timestep, seed):
    return {
        "hidden_states": noise(batch, *LATENT, 4, seed=seed),
        "encoder_hidden_states": noise(batch, TEXT, 16, seed=seed + 1),
        "timestep": timestep,
        "pooled_projections": noise(batch, 8, seed=seed + 2),
        "visual_rope_pos": [torch.arange(size) for size in GRID],
        "text_rope_pos": torch.arange(TEXT),
    }


def cosmos_inputs(batch, timestep, seed):
    return {
        "hidden_states": noise(batch, 4, *LATENT, seed=seed),
        "timestep": timestep,
        "encoder_hidden_states": noise(batch, TEXT, 16, seed=seed + 1),
        "fps": 24,
    }


def edm_timestep(t):
    low, high = (torch.tensor(sigma).log() / 4 for sigma in (0.002, 80.0))
    return low + t * (high - low)


_ATTENTION = {"num_attention_heads": HEADS, "attention_head_dim": HEAD_DIM}
_WAN = {
    **_ATTENTION,
    "in_channels": 4,
    "out_channels": 4,
    "text_dim": 16,
    "freq_dim": 32,
    "ffn_dim": 32,
    "num_layers": 2,
    "rope_max_seq_len": 32,
}
_HUNYUAN = {
    **_ATTENTION,
    "in_channels": 4,
    "out_channels": 4,
    "num_layers": 2,
    "num_single_layers": 1,
    "num_refiner_layers": 1,
    "patch_size": 2,
    "guidance_embeds": True,
    "text_embed_dim": 16,
    "pooled_projection_dim": 8,
    "rope_axes_dim": (4, 6, 6),
}
_HUNYUAN15 = {
    **_ATTENTION,
    "in_channels": 5,
    "out_channels": 2,
    "num_layers": 2,
    "num_refiner_layers": 1,
    "text_embed_dim": 16,
    "text_embed_2_dim": 16,
    "image_embed_dim": 16,
    "rope_axes_dim": (4, 6, 6),
}
_COGVIDEOX = {
    **_ATTENTION,
    "in_channels": 4,
    "out_channels": 4,
    "time_embed_dim": 8,
    "text_embed_dim": 16,
    "num_layers": 2,
    "sample_width": 24,
    "sample_height": 16,
    "sample_frames": 9,
    "max_text_seq_length": TEXT,
}
_LTX = {
    **_ATTENTION,
    "in_channels": 8,
    "out_channels": 8,
    "cross_attention_dim": DIM,
    "num_layers": 2,
    "caption_channels": 16,
}
_LTX2 = {
    **_LTX,
    "audio_in_channels": 8,
    "audio_out_channels": 8,
    "audio_num_attention_heads": HEADS,
    "audio_attention_head_dim": HEAD_DIM,
    "audio_cross_attention_dim": DIM,
    "rope_double_precision": False,
}
_MOCHI = {
    **_ATTENTION,
    "num_layers": 2,
    "pooled_projection_dim": 16,
    "in_channels": 4,
    "text_embed_dim": 16,
    "time_embed_dim": 4,
    "max_sequence_length": TEXT,
}
_KANDINSKY = {
    "in_visual_dim": 4,
    "in_text_dim": 16,
    "in_text_dim2": 8,
    "time_dim": 16,
    "out_visual_dim": 4,
    "model_dim": DIM,
    "ff_dim": 32,
    "num_text_blocks": 1,
    "num_visual_blocks": 2,
    "axes_dims": (4, 6, 6),
}
_COSMOS = {
    **_ATTENTION,
    "in_channels": 4,
    "out_channels": 4,
    "num_layers": 2,
    "mlp_ratio": 2,
    "text_embed_dim": 16,
    "adaln_lora_dim": 4,
    "max_size": (4, 32, 32),
    "concat_padding_mask": False,  # it would want torchvision
}
_WAN_FILE = "transformers.transformer_wan", "WanTransformer3DModel"
_HUNYUAN_STACKS = {"double_blocks": 2, "single_blocks": 1}

TINY = {
    "wan": Tiny(*_WAN_FILE, "wan2.1-t2v", _WAN, wan_inputs),
    "wan_image": Tiny(
        *_WAN_FILE,
        "wan2.1-i2v",
        {**_WAN, "in_channels": 9, "image_dim": 8, "added_kv_proj_dim": DIM},
        wan_image_inputs,
    ),
    "wan_timestep_for_each_token": Tiny(*_WAN_FILE, "wan2.2-ti2v", _WAN, per_token_inputs),
    "wan_vace": Tiny(
        "transformers.transformer_wan",
        "WanVACETransformer3DModel",
        "wan2.1-vace",
        {**_WAN, "vace_layers": [0], "vace_in_channels": 6},
        vace_inputs,
        {"blocks": 2, "vace_blocks": 1},
    ),
    "skyreels_v2": Tiny(
        "transformers.transformer_skyreels_v2", "SkyReelsV2Transformer3DModel", "wan2.1-t2v", _WAN, wan_inputs
    ),
    "skyreels_v2_forcing": Tiny(
        "transformers.transformer_skyreels_v2", "SkyReelsV2Transformer3DModel", "wan2.1-t2v", _WAN, forcing_inputs
    ),
    "hunyuan_video": Tiny(
        "transformers.transformer_hunyuan_video",
        "HunyuanVideoTransformer3DModel",
        "hunyuanvideo",
        _HUNYUAN,
        hunyuan_inputs,
        _HUNYUAN_STACKS,
        suffix=TEXT,
    ),
    "hunyuan_video_padded_text": Tiny(
        "transformers.transformer_hunyuan_video",
        "HunyuanVideoTransformer3DModel",
        "hunyuanvideo",
        _HUNYUAN,
        lambda batch, timestep, seed: hunyuan_inputs(batch, timestep, seed, (11, 11)),
        _HUNYUAN_STACKS,
        suffix=11,
    ),
    "hunyuan_video15": Tiny(
        "transformers.transformer_hunyuan_video15",
        "HunyuanVideo15Transformer3DModel",
        "hunyuanvideo-1.5",
        _HUNYUAN15,
        hunyuan15_inputs,
        {"double_blocks": 2},
        suffix=12,  # 3 of ByT5 and 9 of the text are no padding
    ),
    "cogvideox": Tiny(
        "attention_processor",
        "CogVideoXTransformer3DModel",
        "cogvideox-5b",
        _COGVIDEOX,
        cogvideox_inputs,
        prefix=TEXT,
    ),
    "cogvideox_two_frames_in_a_token": Tiny(
        "attention_processor",
        "CogVideoXTransformer3DModel",
        "cogvideox-1.5",
        {**_COGVIDEOX, "patch_size_t": 2, "sample_frames": 21, "use_rotary_positional_embeddings": True},
        lambda batch, timestep, seed: cogvideox_inputs(batch, timestep, seed, 6),
        prefix=TEXT,
    ),
    "ltx": Tiny(
        "transformers.transformer_ltx",
        "LTXVideoTransformer3DModel",
        "ltx-video",
        _LTX,
        ltx_inputs,
        {"transformer_blocks": 2},
    ),
    "ltx2": Tiny(
        "transformers.transformer_ltx2",
        "LTX2VideoTransformer3DModel",
        "ltx2",
        _LTX2,
        ltx2_inputs,
        {"transformer_blocks": 2},
    ),
    "ltx2_perturbed": Tiny(
        "transformers.transformer_ltx2",
        "LTX2VideoTransformer3DModel",
        "ltx2",
        {**_LTX2, "perturbed_attn": True, "gated_attn": True},
        ltx2_inputs,
        {"transformer_blocks": 2},
    ),
    "mochi": Tiny(
        "attention_processor",
        "MochiTransformer3DModel",
        "mochi-1",
        _MOCHI,
        mochi_inputs,
        suffix=TEXT,
        timestep=lambda t: 1000.0 * (1 - t),
        one_by_one=True,
    ),
    "kandinsky5": Tiny(
        "transformers.transformer_kandinsky",
        "Kandinsky5Transformer3DModel",
        "kandinsky5",
        _KANDINSKY,
        kandinsky_inputs,
        {"visual_transformer_blocks": 2},
        rounds_to=torch.bfloat16,  # its rotated queries and keys
    ),
    "cosmos1": Tiny(
        "transformers.transformer_cosmos",
        "CosmosTransformer3DModel",
        "cosmos1",
        _COSMOS,
        cosmos_inputs,
        timestep=edm_timestep,
    ),
    "cosmos_predict2": Tiny(
        "transformers.transformer_cosmos",
        "CosmosTransformer3DModel",
        "cosmos-predict2",
        {**_COSMOS, "extra_pos_embed_type": None},
        cosmos_inputs,
        timestep=lambda t: t,
    ),
}
