# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What Twill knows of the transformers of diffusers, beside the facts that every host shares.

Read in diffusers 0.42.1, models/transformers and the pipelines that call them; attention is called alike since 0.38.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from twill_vdit import families
from twill_vdit.diffusers import residuals
from twill_vdit.diffusers.residuals import Residual
from twill_vdit.families import Family, Grid, NetworkShape, Side, Traits, tokens_of

# The arguments of a transformer's forward, by name.
Arguments = Mapping[str, Any]


@dataclass(frozen=True)
class Clock:
    """How t follows from the timestep that a network is given.

    In two parts, as tensors of whole timesteps are exact in float32, and t is not: 900 of 1000 is 0.9, where a segment
    may begin.

    Attributes:
        level: timestep -> how noisy, on its device; 0 is clean.
        noise: the level of noise.
    """

    level: Callable[[torch.Tensor], torch.Tensor]
    noise: float

    def t_of(self, level: float) -> float:
        """1 noise, 0 clean; not clamped."""
        return level / self.noise


OF_A_THOUSAND = Clock(lambda timestep: timestep.float(), 1000.0)
# Mochi is given 0 for noise and 1000 for clean: its scheduler inverts the sigmas.
UPWARDS = Clock(lambda timestep: 1000.0 - timestep.float(), 1000.0)
# Cosmos Predict 2 and 2.5 are given sigma / (sigma + 1), or a flow's sigma.
AS_GIVEN = Clock(lambda timestep: timestep.float(), 1.0)
# Cosmos 1 is given log(sigma) / 4, of the sigmas that it was trained with.
_EDM_CLEAN, _EDM_NOISE = math.log(0.002) / 4, math.log(80.0) / 4
EDM = Clock(lambda timestep: timestep.float() - _EDM_CLEAN, _EDM_NOISE - _EDM_CLEAN)


@dataclass(frozen=True)
class Stack:
    """One list of blocks.

    Attributes:
        blocks: its name in the transformer.
        residual: how a block adds its self-attention to the stream.
        attention: the name of a block's self-attention.
    """

    blocks: str
    residual: Residual
    attention: str = "attn1"


@dataclass(frozen=True)
class Network:
    """A class of transformers.

    Attributes:
        classes: of diffusers, by name.
        facts: of the transformer's family.
        stacks: in the order in which plans count them.
        grid: (the transformer's config, arguments) -> the clip's tokens; None where the latent is no clip.
        side: where the tokens of a call stand that are not of the clip.
        clock: how t follows from the timestep.
        head_dim: of every head, from the config.
        valid_text: arguments -> [batch], how many of the tokens beside the clip are no padding, where padding stands
            behind and is masked; None of a network without such.
        own_attention: arguments -> why the network's own attention is not to be replaced; empty when it is.
        one_by_one: its processor makes a call for each clip of the batch.
        guidance_in_batch: its pipelines give the unconditional and the conditional half in one batch.
        traits: config -> what tells its models apart.
    """

    classes: tuple[str, ...]
    facts: Callable[[Any], Family]
    stacks: tuple[Stack, ...]
    grid: Callable[[Any, Arguments], Grid | None]
    side: Side = "nowhere"
    clock: Callable[[Any], Clock] = lambda config: OF_A_THOUSAND
    head_dim: Callable[[Any], int] = lambda config: int(config.attention_head_dim)
    valid_text: Callable[[Arguments], torch.Tensor] | None = None
    own_attention: Callable[[Arguments], str] = lambda arguments: ""
    one_by_one: bool = False
    guidance_in_batch: bool = False
    traits: Callable[[Any], Traits] = lambda config: Traits()

    def sites(self, transformer: torch.nn.Module) -> list[list[torch.nn.Module]]:
        """The modules of self-attention, by stack and layer; a stack without blocks is left out."""
        return [[getattr(block, stack.attention) for block in blocks] for stack, blocks in self.blocks(transformer)]

    def blocks(self, transformer: torch.nn.Module) -> list[tuple[Stack, Sequence[Any]]]:
        """The blocks of each stack in their order; a stack without blocks is left out."""
        stacks: list[tuple[Stack, Sequence[Any]]] = [(each, getattr(transformer, each.blocks)) for each in self.stacks]
        return [(stack, blocks) for stack, blocks in stacks if len(blocks)]

    def shape(self, transformer: torch.nn.Module) -> NetworkShape:
        """What a plan must fit."""
        stacks = tuple((len(sites), _heads(sites[0])) for sites in self.sites(transformer))
        return NetworkShape(stacks, self.head_dim(transformer.config))


def _heads(attention: Any) -> int:
    heads: int = attention.num_heads if hasattr(attention, "num_heads") else attention.heads
    return heads


def _patched(patch: Callable[[Any], Sequence[int]]) -> Callable[[Any, Arguments], Grid | None]:
    """Of networks that are given [batch, channels, frames, rows, columns]."""

    def grid(config: Any, arguments: Arguments) -> Grid | None:
        shape = arguments["hidden_states"].shape
        return tokens_of(shape, patch(config)) if len(shape) == 5 else None

    return grid


def _cogvideox_grid(config: Any, arguments: Arguments) -> Grid | None:
    """[batch, frames, channels, rows, columns]; 1.5 joins two latent frames in a token."""
    shape = arguments["hidden_states"].shape
    if len(shape) != 5:
        return None
    return tokens_of((shape[1], *shape[3:]), (config.patch_size_t or 1, config.patch_size, config.patch_size))


def _kandinsky_grid(config: Any, arguments: Arguments) -> Grid | None:
    """[batch, frames, rows, columns, channels]."""
    shape = arguments["hidden_states"].shape
    return tokens_of(shape[1:4], config.patch_size) if len(shape) == 5 else None


def _packed_grid(config: Any, arguments: Arguments) -> Grid | None:
    """LTX's pipelines pack latents to [batch, tokens, channels] and say frames, rows and columns beside them."""
    said = [arguments.get(name) for name in ("num_frames", "height", "width")]
    sizes = [int(size) for size in said if size is not None]
    return (sizes[0], sizes[1], sizes[2]) if len(sizes) == 3 else _grid_of_places(arguments.get("video_coords"))


def _grid_of_places(places: torch.Tensor | None) -> Grid | None:
    """LTXConditionPipeline says the place of each token instead ([batch, 3, tokens]).

    Reading them waits for the device; callers keep what they got for these places.
    """
    if places is None or places.ndim != 3:
        return None
    frames, rows, cols = (int(axis.unique().numel()) for axis in places[0])
    return frames, rows, cols


def _hunyuan_text(arguments: Arguments) -> torch.Tensor:
    valid: torch.Tensor = arguments["encoder_attention_mask"].sum(dim=1)
    return valid


def _hunyuan15_text(arguments: Arguments) -> torch.Tensor:
    """Valid tokens stand first: those of the image, which is all zero where there is none, then those of the texts."""
    image = arguments["image_embeds"]
    valid: torch.Tensor = sum(
        (arguments[name].bool().sum(dim=1) for name in ("encoder_attention_mask", "encoder_attention_mask_2")),
        start=(image != 0).any().to(torch.long) * image.shape[1],
    )
    return valid


def _kandinsky_own(arguments: Arguments) -> str:
    return "the network's own sparse attention (nabla)" if arguments.get("sparse_params") is not None else ""


def _wan_traits(config: Any) -> Traits:
    return Traits(
        channels_in=config.in_channels, channels_out=config.out_channels, image_encoder=config.image_dim is not None
    )


def _is_first_cosmos(config: Any) -> bool:
    # Predict 2 and 2.5 have no learned positions (scripts/convert_cosmos_to_diffusers.py).
    return config.extra_pos_embed_type is not None


_one_patch = _patched(lambda config: config.patch_size)
_two_patches = _patched(lambda config: (config.patch_size_t, config.patch_size, config.patch_size))

WAN = Network(
    classes=("WanTransformer3DModel",),
    facts=lambda config: families.WAN,
    stacks=(Stack("blocks", residuals.WAN),),
    grid=_one_patch,
    traits=_wan_traits,
)

# Reference pictures are frames of its latents, so the grid has them.
WAN_VACE = Network(
    classes=("WanVACETransformer3DModel",),
    facts=lambda config: families.WAN_VACE,
    stacks=(Stack("blocks", residuals.WAN), Stack("vace_blocks", residuals.WAN)),
    grid=_one_patch,
    traits=_wan_traits,
)

# Wan 2.1's architecture. Its diffusion forcing has a timestep for each frame: t is their maximum.
SKYREELS_V2 = Network(
    classes=("SkyReelsV2Transformer3DModel",),
    facts=lambda config: families.WAN,
    stacks=(Stack("blocks", residuals.SKYREELS),),
    grid=_one_patch,
    traits=lambda config: Traits(kind="skyreels-v2"),
)

# ComfyUI has text in front of the clip here; diffusers, as the authors' code, behind it.
HUNYUAN_VIDEO = Network(
    classes=("HunyuanVideoTransformer3DModel",),
    facts=lambda config: families.HUNYUAN_VIDEO,
    stacks=(
        Stack("transformer_blocks", residuals.JOINT, "attn"),
        Stack("single_transformer_blocks", residuals.SINGLE, "attn"),
    ),
    grid=_two_patches,
    side="behind",
    valid_text=_hunyuan_text,
)

HUNYUAN_VIDEO15 = Network(
    classes=("HunyuanVideo15Transformer3DModel",),
    facts=lambda config: families.HUNYUAN_VIDEO,
    stacks=(Stack("transformer_blocks", residuals.JOINT, "attn"),),
    grid=_two_patches,
    side="behind",
    valid_text=_hunyuan15_text,
)

COGVIDEOX = Network(
    classes=("CogVideoXTransformer3DModel",),
    facts=lambda config: families.COGVIDEOX,
    stacks=(Stack("transformer_blocks", residuals.COGVIDEOX),),
    grid=_cogvideox_grid,
    side="front",
    guidance_in_batch=True,
    traits=lambda config: Traits(frames_in_patch=config.patch_size_t or 1),
)

LTXV = Network(
    classes=("LTXVideoTransformer3DModel",),
    facts=lambda config: families.LTXV,
    stacks=(Stack("transformer_blocks", residuals.LTX),),
    grid=_packed_grid,
    guidance_in_batch=True,
)

LTXAV = Network(
    classes=("LTX2VideoTransformer3DModel",),
    facts=lambda config: families.LTXAV,
    stacks=(Stack("transformer_blocks", residuals.LTX),),
    grid=_packed_grid,
    guidance_in_batch=True,
)

# Its processor attends to one clip of the batch at a time and drops padded text, so it needs no mask.
MOCHI = Network(
    classes=("MochiTransformer3DModel",),
    facts=lambda config: families.MOCHI,
    stacks=(Stack("transformer_blocks", residuals.MOCHI),),
    grid=_patched(lambda config: (1, config.patch_size, config.patch_size)),
    side="behind",
    clock=lambda config: UPWARDS,
    one_by_one=True,
    guidance_in_batch=True,
)

COSMOS = Network(
    classes=("CosmosTransformer3DModel",),
    facts=lambda config: families.COSMOS1 if _is_first_cosmos(config) else families.COSMOS_PREDICT2,
    stacks=(Stack("transformer_blocks", residuals.COSMOS),),
    grid=_one_patch,
    clock=lambda config: EDM if _is_first_cosmos(config) else AS_GIVEN,
)

KANDINSKY5 = Network(
    classes=("Kandinsky5Transformer3DModel",),
    facts=lambda config: families.KANDINSKY5,
    stacks=(Stack("visual_transformer_blocks", residuals.KANDINSKY, "self_attention"),),
    grid=_kandinsky_grid,
    head_dim=lambda config: sum(config.axes_dims),
    own_attention=_kandinsky_own,
)

NETWORKS = (
    WAN,
    WAN_VACE,
    SKYREELS_V2,
    HUNYUAN_VIDEO,
    HUNYUAN_VIDEO15,
    COGVIDEOX,
    LTXV,
    LTXAV,
    MOCHI,
    COSMOS,
    KANDINSKY5,
)


def network_of(transformer: object) -> Network | None:
    """What is known of a transformer; the nearest of its classes decides, None where none is known."""
    for cls in type(transformer).__mro__:
        for network in NETWORKS:
            if cls.__name__ in network.classes:
                return network
    return None
