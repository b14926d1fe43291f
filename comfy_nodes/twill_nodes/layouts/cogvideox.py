# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""CogVideoX and CogVideoX 1.5: text in front of the clip; 1.5 joins two latent frames in a token.

Read in ComfyUI 0.30.0, comfy/ldm/cogvideo/model.py.
"""

from twill_vdit import families
from twill_vdit.families import NetworkShape, Traits

from .family import Family, Residual


def shape(network) -> NetworkShape:
    block = network.blocks[0]
    return NetworkShape(((len(network.blocks), block.num_heads),), block.head_dim)


def gate(block, arguments):
    modulation = block.norm1.linear(block.norm1.silu(arguments["temb"]))
    return modulation.chunk(6, dim=1)[2].unsqueeze(1)


RESIDUAL = Residual(
    projection=lambda block: block.attn_out, stream=lambda block, arguments: arguments["hidden_states"], gate=gate
)


COGVIDEOX = Family(
    facts=families.COGVIDEOX,
    classes=("CogVideoXTransformer3DModel",),
    shape=shape,
    stacks=lambda network: [network.blocks],
    patch=lambda network: (network.patch_size_t or 1, network.patch_size, network.patch_size),
    hooks=True,
    residuals=(RESIDUAL,),
    traits=lambda network: Traits(frames_in_patch=network.patch_size_t or 1),
)
