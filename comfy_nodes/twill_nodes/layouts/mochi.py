# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Mochi 1: text behind the clip.

Read in ComfyUI 0.30.0, comfy/ldm/genmo/joint_model/asymm_models_joint.py.
"""

from twill_vdit import families
from twill_vdit.families import NetworkShape

from .family import Family, Residual


def shape(network) -> NetworkShape:
    attention = network.blocks[0].attn
    return NetworkShape(((len(network.blocks), attention.num_heads),), attention.head_dim)


def gate(block, arguments):
    modulation = block.mod_x(arguments["c"] * arguments["c"].sigmoid())
    return modulation.chunk(4, dim=1)[1].tanh().unsqueeze(1)


RESIDUAL = Residual(
    projection=lambda block: block.attn.proj_x,
    stream=lambda block, arguments: arguments["x"],
    gate=gate,
    norm_eps=1e-6,
)


MOCHI = Family(
    facts=families.MOCHI,
    classes=("AsymmDiTJoint",),
    shape=shape,
    stacks=lambda network: [network.blocks],
    patch=lambda network: (1, network.patch_size, network.patch_size),
    hooks=True,
    residuals=(RESIDUAL,),
)
