# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Wan 2.1 and 2.2: tokens in raster order, text only in cross-attention, extra frames in front or behind.

Read in ComfyUI 0.30.0, comfy/ldm/wan/model.py and model_animate.py.
"""

import re

from .family import Family, Residual, TextTokens, blocks_shape

# Reference and motion tokens stand behind the clip in these classes, in the others in front of it.
BEHIND = {"WanModel_S2V", "HumoWanModel"}
# These have tokens on both sides, of numbers that a call does not tell.
BOTH_SIDES = {"SCAILWanModel", "SCAIL2WanModel", "AnimateWanModel"}


def shape(network):
    return blocks_shape(network, ["blocks"], network.num_heads, network.dim // network.num_heads)


def vace_shape(network):
    return blocks_shape(network, ["blocks", "vace_blocks"], network.num_heads, network.dim // network.num_heads)


def begin(network, arguments: dict) -> dict:
    """A latent that is appended in time (time_dim_concat) is part of the grid."""
    joined = arguments.get("time_dim_concat")
    return {"behind": arguments.get("context_latents") is not None, "joined": 0 if joined is None else joined.shape[2]}


def beside(tokens: int, grid: int, forward) -> TextTokens | str:
    if tokens < grid:
        return f"{tokens} tokens are fewer than the {grid} of the clip"
    if tokens > grid and type(forward.network).__name__ in BOTH_SIDES:
        return f"{tokens} tokens are more than the {grid} of the clip, on both sides of it"
    behind = forward.extra.get("behind") or type(forward.network).__name__ in BEHIND
    return TextTokens(suffix=tokens - grid) if behind else TextTokens(prefix=tokens - grid)


def gate(block, arguments):
    """The third of six modulations; its embedding is one for all tokens, or one per frame."""
    import comfy.model_management

    embedding, stream = arguments["e"], arguments["c" if "c" in arguments else "x"]
    modulation = comfy.model_management.cast_to(block.modulation, dtype=stream.dtype, device=stream.device)
    if embedding.ndim < 4:
        return (modulation + embedding)[:, 2:3]
    return (modulation.unsqueeze(0) + embedding)[:, :, 2]


def vace_stream(block, arguments):
    return block.before_proj(arguments["c"]) + arguments["x"] if block.block_id == 0 else arguments["c"]


RESIDUAL = Residual(
    projection=lambda block: block.self_attn.o, stream=lambda block, arguments: arguments["x"], gate=gate
)
VACE_RESIDUAL = Residual(projection=lambda block: block.self_attn.o, stream=vace_stream, gate=gate)


def kinds(network, file_name: str) -> tuple[str, ...]:
    """As presets and the engine call them. Classes of their own (Camera, Animate, ...) are kinds of their own.

    Image to video: 36 channels go in; 2.1 has an image encoder, 2.2 has none. The 5B model alone gives 48 channels.
    Text to video of 2.1 and of 2.2 differ in nothing but weights, so there the file's name decides, else 2.1.
    """
    if type(network).__name__ != "WanModel":
        return (f"wan-{type(network).__name__.lower()}",)
    channels = network.patch_embedding.in_channels
    if network.head.out_dim == 48:
        return ("wan2.2-ti2v",)
    if network.model_type == "i2v":
        return ("wan2.1-i2v",) if channels == 36 else ("wan2.1-fun",)
    if channels == 36:
        return ("wan2.2-i2v",)
    if re.search(r"wan[\W_]*2[\W_]?2|(high|low)[\W_]?noise", file_name.lower()):
        return "wan2.2-t2v", "wan2.1-t2v"
    return "wan2.1-t2v", "wan2.2-t2v"


WAN = Family(
    name="Wan",
    plan_families=("wan",),
    classes=("WanModel",),
    shape=shape,
    stacks=lambda network: [network.blocks],
    patch=lambda network: tuple(network.patch_size),
    beside=beside,
    begin=begin,
    residuals=(RESIDUAL,),
    kinds=kinds,
)

# A vace block runs after its main block under the same index, so that hooks must tell them apart.
WAN_VACE = Family(
    name="Wan VACE",
    plan_families=("wan",),
    classes=("VaceWanModel",),
    shape=vace_shape,
    stacks=lambda network: [network.blocks, network.vace_blocks],
    patch=lambda network: tuple(network.patch_size),
    beside=beside,
    begin=begin,
    hooks=True,
    stack_names=("blocks", "vace_blocks"),
    residuals=(RESIDUAL, VACE_RESIDUAL),
    kinds=lambda network, file_name: ("wan2.1-vace",),
)
