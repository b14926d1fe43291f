# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Mochi 1: text behind the clip.

Read in ComfyUI 0.30.0, comfy/ldm/genmo/joint_model/asymm_models_joint.py.
"""

from .family import Family, NetworkShape, Residual, text_last


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
    name="Mochi",
    plan_families=("mochi",),
    classes=("AsymmDiTJoint",),
    shape=shape,
    stacks=lambda network: [network.blocks],
    patch=lambda network: (1, network.patch_size, network.patch_size),
    beside=text_last,
    hooks=True,
    residuals=(RESIDUAL,),
)
