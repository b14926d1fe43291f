# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""How the blocks of diffusers' transformers add self-attention to the stream, for weighing heads.

stream + gate * projection(heads), read in diffusers 0.42.1, models/transformers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Residual:
    """Of one kind of block, for tokens of the clip.

    Attributes:
        gate: (block, its arguments by name, what `gate_from` gave) -> [batch, 1 or frames or tokens, dim].
        gate_from: a module of the block; empty where the block computes the gate of its own table.
        norm: the block's module that is given the stream, [batch, tokens, ..., dim] with the clip's tokens first.
        projection: (block, its self-attention) -> the linear layer whose first inputs are the heads.
        norm_eps: block -> what is added to the mean of the projected sum's squares, by whose root it is divided; 0: it
            is not.
    """

    gate: Callable[[Any, Mapping[str, Any], Any], torch.Tensor]
    gate_from: str = ""
    norm: str = "norm1"
    projection: Callable[[Any, Any], Any] = lambda block, attention: attention.to_out[0]
    norm_eps: Callable[[Any], float] = lambda block: 0.0


# The gate is the third of shift, scale, gate for attention and the same for what follows.
def _wan_gate(block: Any, arguments: Mapping[str, Any], _: Any) -> torch.Tensor:
    """Of temb [batch, 6, dim], or [batch, tokens, 6, dim] where each token has its timestep (Wan 2.2's 5B model)."""
    temb = arguments["temb"].float()
    rows: torch.Tensor = block.scale_shift_table.to(temb.device) + temb
    return rows.select(-2, 2).reshape(len(temb), -1, temb.shape[-1])


def _skyreels_gate(block: Any, arguments: Mapping[str, Any], _: Any) -> torch.Tensor:
    """Of temb [batch, 6, dim], or [batch, 6, tokens, dim] with diffusion forcing."""
    temb: torch.Tensor = arguments["temb"].float()
    row: torch.Tensor = block.scale_shift_table[:, 2].to(temb.device)
    return row.unsqueeze(1) + temb[:, 2].view(len(temb), -1, temb.shape[-1])


def _ltx_gate(block: Any, arguments: Mapping[str, Any], _: Any) -> torch.Tensor:
    """Of temb [batch, 1 or tokens, rows of the table * dim]."""
    table, temb = block.scale_shift_table, arguments["temb"]
    gate: torch.Tensor = table[2].to(temb.device) + temb.unflatten(2, (table.shape[0], -1))[:, :, 2]
    return gate


WAN = Residual(gate=_wan_gate)
SKYREELS = Residual(gate=_skyreels_gate)
LTX = Residual(gate=_ltx_gate)
COGVIDEOX = Residual(gate_from="norm1", gate=lambda block, arguments, made: made[2])
JOINT = Residual(gate_from="norm1", gate=lambda block, arguments, made: made[1].unsqueeze(1))
# One linear layer mixes the heads and what the block's MLP made.
SINGLE = Residual(
    norm="norm",
    gate_from="norm",
    gate=lambda block, arguments, made: made[1].unsqueeze(1),
    projection=lambda block, attention: block.proj_out,
)
MOCHI = Residual(
    gate_from="norm1",
    gate=lambda block, arguments, made: torch.tanh(made[1]).unsqueeze(1),
    norm_eps=lambda block: block.norm2.eps,
)
COSMOS = Residual(gate_from="norm1", gate=lambda block, arguments, made: made[1])
KANDINSKY = Residual(
    norm="self_attention_norm",
    gate_from="visual_modulation",
    gate=lambda block, arguments, made: made.chunk(9, dim=-1)[2].unsqueeze(1),
    projection=lambda block, attention: attention.out_layer,
)
