# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Wan 2.1 and 2.2: tokens in raster order, text only in cross-attention, extra frames in front or behind.

Read in ComfyUI 0.30.0, comfy/ldm/wan/model.py and model_animate.py.
"""

from twill_vdit import families
from twill_vdit.families import Side, Traits

from .family import Family, Residual, blocks_shape

# Reference and motion tokens stand behind the clip in these classes, in the others in front of it.
BEHIND = {"WanModel_S2V", "HumoWanModel"}
# These have tokens on both sides, of numbers that a call does not tell.
BOTH_SIDES = {"SCAILWanModel", "SCAIL2WanModel", "AnimateWanModel"}


def shape(network):
    return blocks_shape(network, ["blocks"], network.num_heads, network.dim // network.num_heads)


def vace_shape(network):
    return blocks_shape(network, ["blocks", "vace_blocks"], network.num_heads, network.dim // network.num_heads)


def begin(network, arguments: dict) -> tuple[Side, int]:
    """A latent that is appended in time (time_dim_concat) is part of the grid."""
    joined, name = arguments.get("time_dim_concat"), type(network).__name__
    behind = arguments.get("context_latents") is not None or name in BEHIND
    side: Side = "both" if name in BOTH_SIDES else "behind" if behind else "front"
    return side, 0 if joined is None else joined.shape[2]


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


def traits(network) -> Traits:
    """Classes of their own (Camera, Animate, ...) are kinds of their own."""
    if type(network).__name__ != "WanModel":
        return Traits(kind=f"wan-{type(network).__name__.lower()}")
    return Traits(
        channels_in=network.patch_embedding.in_channels,
        channels_out=network.head.out_dim,
        image_encoder=network.model_type == "i2v",
    )


WAN = Family(
    facts=families.WAN,
    # It keeps keys and values of earlier frames, and hands no transformer_options on (ComfyUI 0.33, ar_model.py).
    never=frozenset({"CausalWanModel"}),
    classes=("WanModel",),
    shape=shape,
    stacks=lambda network: [network.blocks],
    patch=lambda network: tuple(network.patch_size),
    begin=begin,
    residuals=(RESIDUAL,),
    traits=traits,
)

# A vace block runs after its main block under the same index, so that hooks must tell them apart.
WAN_VACE = Family(
    facts=families.WAN_VACE,
    classes=("VaceWanModel",),
    shape=vace_shape,
    stacks=lambda network: [network.blocks, network.vace_blocks],
    patch=lambda network: tuple(network.patch_size),
    begin=begin,
    hooks=True,
    residuals=(RESIDUAL, VACE_RESIDUAL),
)
