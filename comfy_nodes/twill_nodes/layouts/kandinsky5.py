# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Kandinsky 5: raster order, text only in cross-attention; the text blocks run before any block index is set.

Read in ComfyUI 0.30.0, comfy/ldm/kandinsky5/model.py.
"""

from twill_vdit import families
from twill_vdit.families import NetworkShape

from .family import Family, Residual


def shape(network) -> NetworkShape:
    attention = network.visual_transformer_blocks[0].self_attention
    return NetworkShape(((len(network.visual_transformer_blocks), attention.num_heads),), attention.head_dim)


def gate(block, arguments):
    self_attention = block.visual_modulation(arguments["time_embed"]).chunk(3, dim=-1)[0]
    return self_attention.chunk(3, dim=-1)[2].unsqueeze(1)


RESIDUAL = Residual(
    projection=lambda block: block.self_attention.out_layer,
    stream=lambda block, arguments: arguments["visual_embed"],
    gate=gate,
)


KANDINSKY5 = Family(
    facts=families.KANDINSKY5,
    classes=("Kandinsky5",),
    shape=shape,
    stacks=lambda network: [network.visual_transformer_blocks],
    patch=lambda network: tuple(network.patch_size),
    residuals=(RESIDUAL,),
)
