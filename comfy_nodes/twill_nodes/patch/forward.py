# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What is known of one forward of a network of ComfyUI while it runs."""

from dataclasses import dataclass, field

from twill_vdit import running
from twill_vdit.families import tokens_of

from ..layouts import Family

# Key of the forward in transformer_options.
KEY = "twill_forward"


@dataclass(kw_only=True)
class Forward(running.Forward):
    """run: None while heads are only measured. noted: what hooks wrote of the blocks' arguments."""

    run: running.Run | None
    family: Family
    network: object
    noted: dict = field(default_factory=dict)


def forward_of(run: running.Run | None, family: Family, network, x, arguments: dict, t: float) -> Forward:
    """x: the latent that the network is given. arguments: of the forward, those of apply_model that have names.

    Latents joined in time are frames of the grid.
    """
    shape = arguments["latent_shapes"][0] if arguments.get("latent_shapes") else x.shape
    side, joined = family.begun(network, arguments)
    grid = grid_of((*shape[:2], shape[2] + joined, *shape[3:]) if len(shape) == 5 else shape, family.patch(network))
    return Forward(run=run, family=family, network=network, grid=grid, side=side, t=t)


def grid_of(latent_shape, patch) -> tuple[int, int, int] | None:
    """Frames, rows and columns of tokens; None for a latent that is no clip."""
    return tokens_of(latent_shape, patch) if len(patch) == 3 and len(latent_shape) == 5 else None
