# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Cosmos 1 and Cosmos Predict2: raster order, text only in cross-attention.

Read in ComfyUI 0.30.0, comfy/ldm/cosmos/model.py, blocks.py and predict2.py.
"""

from .family import Family, NetworkShape, grid_only


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


COSMOS1 = Family(
    name="Cosmos",
    plan_families=("cosmos1", "cosmospredict1", "cosmosdiffusion"),
    classes=("GeneralDIT",),
    shape=shape1,
    stacks=lambda network: [_blocks(network)],
    patch=patch,
    beside=grid_only,
    hooks=True,
)

COSMOS_PREDICT2 = Family(
    name="Cosmos Predict2",
    plan_families=("cosmospredict2", "cosmos2"),
    classes=("MiniTrainDIT",),
    shape=shape2,
    stacks=lambda network: [network.blocks],
    patch=patch,
    beside=grid_only,
)
