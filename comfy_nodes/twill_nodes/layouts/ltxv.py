# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""LTX-Video and LTX-2: raster order, patches of one latent cell. Guides drop or append tokens and run dense.

Read in ComfyUI 0.30.0, comfy/ldm/lightricks/model.py and av_model.py.
"""

from .family import Family, NetworkShape, grid_only


def shape(network) -> NetworkShape:
    attention = network.transformer_blocks[0].attn1
    return NetworkShape(((len(network.transformer_blocks), attention.heads),), attention.dim_head)


def one_cell(network) -> tuple[int, int, int]:
    return 1, 1, 1


LTXV = Family(
    name="LTX-Video",
    plan_families=("ltxv", "ltxvideo", "ltx09"),
    classes=("LTXVModel",),
    shape=shape,
    stacks=lambda network: [network.transformer_blocks],
    patch=one_cell,
    beside=grid_only,
    stack_names=("transformer_blocks",),
    hooks=True,
)

LTXAV = Family(
    name="LTX-2",
    plan_families=("ltxav", "ltx2"),
    classes=("LTXAVModel",),
    shape=shape,
    stacks=lambda network: [network.transformer_blocks],
    patch=one_cell,
    beside=grid_only,
    stack_names=("transformer_blocks",),
    hooks=True,
)
