# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""LTX-Video and LTX-2: raster order, patches of one latent cell. Guides drop or append tokens and run dense.

Read in ComfyUI 0.30.0, comfy/ldm/lightricks/model.py and av_model.py.
"""

from twill_vdit import families
from twill_vdit.families import NetworkShape

from .family import Family, Residual


def shape(network) -> NetworkShape:
    attention = network.transformer_blocks[0].attn1
    return NetworkShape(((len(network.transformer_blocks), attention.heads),), attention.dim_head)


def one_cell(network) -> tuple[int, int, int]:
    return 1, 1, 1


def _modulations(block, arguments):
    """[batch, 1 or tokens, parameters, dim]"""
    timestep, table = arguments["timestep"], block.scale_shift_table
    return table.to(timestep) + timestep.reshape(*timestep.shape[:2], table.shape[0], -1)


def av_gate(block, arguments):
    video = arguments["x"][0]
    return block.get_ada_values(block.scale_shift_table, video.shape[0], arguments["v_timestep"], slice(2, 3))[0]


def av_head_gate(block, arguments, row: int, at):
    """Newer weights gate each head of each token."""
    import comfy.ldm.common_dit

    video = arguments["x"][0]
    if block.attn1.to_gate_logits is None:
        return video.new_ones(1, 1)
    shift, scale = block.get_ada_values(block.scale_shift_table, video.shape[0], arguments["v_timestep"], slice(0, 2))
    entered = comfy.ldm.common_dit.rms_norm(video) * (1 + scale) + shift
    return 2.0 * block.attn1.to_gate_logits(entered[row].index_select(0, at)).float().sigmoid()


RESIDUAL = Residual(
    projection=lambda block: block.attn1.to_out[0],
    stream=lambda block, arguments: arguments["x"],
    gate=lambda block, arguments: _modulations(block, arguments)[:, :, 2],
)
AV_RESIDUAL = Residual(
    projection=lambda block: block.attn1.to_out[0],
    stream=lambda block, arguments: arguments["x"][0],
    gate=av_gate,
    head_gate=av_head_gate,
)


LTXV = Family(
    facts=families.LTXV,
    classes=("LTXVModel",),
    shape=shape,
    stacks=lambda network: [network.transformer_blocks],
    patch=one_cell,
    hooks=True,
    residuals=(RESIDUAL,),
)

LTXAV = Family(
    facts=families.LTXAV,
    classes=("LTXAVModel",),
    shape=shape,
    stacks=lambda network: [network.transformer_blocks],
    patch=one_cell,
    hooks=True,
    residuals=(AV_RESIDUAL,),
)
