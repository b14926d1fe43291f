# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Cosmos 1 and Cosmos Predict2: raster order, text only in cross-attention.

Read in ComfyUI 0.30.0, comfy/ldm/cosmos/model.py, blocks.py and predict2.py.
"""

from twill_vdit import families
from twill_vdit.families import NetworkShape

from .family import Family, Residual


def _blocks(network) -> list:
    return list(network.blocks.values()) if hasattr(network.blocks, "values") else list(network.blocks)


def shape1(network) -> NetworkShape:
    block = _blocks(network)[0].blocks[0].block.attn
    return NetworkShape(((len(network.blocks), block.heads),), block.dim_head)


def shape2(network) -> NetworkShape:
    attention = network.blocks[0].self_attn
    return NetworkShape(((len(network.blocks), attention.n_heads),), attention.head_dim)


def patch(network) -> tuple[int, int, int]:
    return network.patch_temporal, network.patch_spatial, network.patch_spatial


def gate1(block, arguments):
    first = block.blocks[0]
    modulation = first.adaLN_modulation(arguments["emb_B_D"])
    if first.use_adaln_lora:
        modulation = modulation + arguments["adaln_lora_B_3D"]
    return modulation.chunk(3, dim=1)[2].unsqueeze(1)


def stream2(block, arguments):
    stream, extra = arguments["x_B_T_H_W_D"], arguments["extra_per_block_pos_emb"]
    return (stream if extra is None else stream + extra).flatten(1, 3)


def gate2(block, arguments):
    modulation = block.adaln_modulation_self_attn(arguments["emb_B_T_D"])
    if block.use_adaln_lora:
        modulation = modulation + arguments["adaln_lora_B_T_3D"]
    return modulation.chunk(3, dim=-1)[2]


RESIDUAL1 = Residual(
    projection=lambda block: block.blocks[0].block.attn.to_out[0],
    stream=lambda block, arguments: arguments["x"].flatten(0, 2).transpose(0, 1),
    gate=gate1,
)
RESIDUAL2 = Residual(projection=lambda block: block.self_attn.output_proj, stream=stream2, gate=gate2)


COSMOS1 = Family(
    facts=families.COSMOS1,
    classes=("GeneralDIT",),
    shape=shape1,
    stacks=lambda network: [_blocks(network)],
    patch=patch,
    hooks=True,
    residuals=(RESIDUAL1,),
)

COSMOS_PREDICT2 = Family(
    facts=families.COSMOS_PREDICT2,
    classes=("MiniTrainDIT",),
    shape=shape2,
    stacks=lambda network: [network.blocks],
    patch=patch,
    residuals=(RESIDUAL2,),
)
