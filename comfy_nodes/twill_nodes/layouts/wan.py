# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Wan 2.1 and 2.2: tokens in raster order, text only in cross-attention, extra frames in front or behind.

Read in ComfyUI 0.30.0, comfy/ldm/wan/model.py and model_animate.py.
"""

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


def plan_family(network) -> str:
    """As the engine calls them, so that Twill Studio takes the plans."""
    return "wan2.1-t2v" if network.model_type == "t2v" else f"wan2.1-{network.model_type}"


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
    plan_family=plan_family,
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
    plan_family=lambda network: "wan2.1-vace",
)
