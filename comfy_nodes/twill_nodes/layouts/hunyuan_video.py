# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""HunyuanVideo 1.0 and 1.5, SkyReels: text in front of the clip, double blocks then single blocks.

Read in ComfyUI 0.30.0, comfy/ldm/hunyuan_video/model.py and comfy/ldm/flux.
"""

from twill_vdit import families
from twill_vdit.families import NetworkShape

from .family import Family, Residual, blocks_shape


def shape(network) -> NetworkShape:
    return blocks_shape(
        network, ["double_blocks", "single_blocks"], network.num_heads, network.hidden_size // network.num_heads
    )


def _rows(gate, dims, tokens: int):
    """A reference latent has a modulation of its own: dims are (begin, end, which) of its tokens and the others."""
    if dims is None:
        return gate
    rows = gate[:, :1].repeat(1, tokens, 1)
    for begin, end, which in dims:
        rows[:, begin:end] = gate[:, which : which + 1]
    return rows


def double_gate(block, arguments):
    modulation = block.img_mod(arguments["vec"])[0] if block.modulation else arguments["vec"][0][0]
    return _rows(modulation.gate, arguments["modulation_dims_img"], arguments["img"].shape[1])


def single_gate(block, arguments):
    modulation = block.modulation(arguments["vec"])[0] if block.modulation else arguments["vec"]
    return _rows(modulation.gate, arguments["modulation_dims"], arguments["x"].shape[1])


DOUBLE = Residual(
    projection=lambda block: block.img_attn.proj, stream=lambda block, arguments: arguments["img"], gate=double_gate
)
SINGLE = Residual(
    projection=lambda block: block.linear2, stream=lambda block, arguments: arguments["x"], gate=single_gate
)


HUNYUAN_VIDEO = Family(
    facts=families.HUNYUAN_VIDEO,
    classes=("HunyuanVideo",),
    shape=shape,
    stacks=lambda network: [network.double_blocks, network.single_blocks],
    patch=lambda network: tuple(network.patch_size),
    residuals=(DOUBLE, SINGLE),
)
