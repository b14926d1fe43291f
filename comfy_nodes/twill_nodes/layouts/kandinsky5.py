# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Kandinsky 5: raster order, text only in cross-attention; the text blocks run before any block index is set.

Read in ComfyUI 0.30.0, comfy/ldm/kandinsky5/model.py.
"""

from .family import Family, NetworkShape, grid_only


def shape(network) -> NetworkShape:
    attention = network.visual_transformer_blocks[0].self_attention
    return NetworkShape(((len(network.visual_transformer_blocks), attention.num_heads),), attention.head_dim)


KANDINSKY5 = Family(
    name="Kandinsky 5",
    plan_families=("kandinsky5",),
    classes=("Kandinsky5",),
    shape=shape,
    stacks=lambda network: [network.visual_transformer_blocks],
    patch=lambda network: tuple(network.patch_size),
    beside=grid_only,
    stack_names=("visual_transformer_blocks",),
)
