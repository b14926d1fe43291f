# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""HunyuanVideo 1.0 and 1.5, SkyReels: text in front of the clip, double blocks then single blocks.

Read in ComfyUI 0.30.0, comfy/ldm/hunyuan_video/model.py and comfy/ldm/flux.
"""

from .family import Family, NetworkShape, blocks_shape, text_first


def shape(network) -> NetworkShape:
    return blocks_shape(
        network, ["double_blocks", "single_blocks"], network.num_heads, network.hidden_size // network.num_heads
    )


HUNYUAN_VIDEO = Family(
    name="HunyuanVideo",
    plan_families=("hunyuanvideo", "skyreels"),
    classes=("HunyuanVideo",),
    shape=shape,
    stacks=lambda network: [network.double_blocks, network.single_blocks],
    patch=lambda network: tuple(network.patch_size),
    beside=text_first,
    stack_names=("double_blocks", "single_blocks"),
)
