# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Facts of the model families, as data: what plans call them, and where tokens stand that are not the clip's.

A host of models (ComfyUI, diffusers, a script) adds what is its own: which of its classes is which family, how it
reaches blocks and heads of a network, and a network's traits.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from twill_vdit.plan import Plan

__all__ = [
    "COGVIDEOX",
    "COSMOS1",
    "COSMOS_PREDICT2",
    "FAMILIES",
    "HUNYUAN_VIDEO",
    "KANDINSKY5",
    "LTXAV",
    "LTXV",
    "MOCHI",
    "WAN",
    "WAN_VACE",
    "Family",
    "Grid",
    "Kind",
    "NetworkShape",
    "Side",
    "TextTokens",
    "Traits",
    "tokens_beside",
    "tokens_of",
    "why_not",
]

# Frames, rows and columns of tokens.
Grid = tuple[int, int, int]

# Where the tokens of a self-attention call stand that are not of the clip's grid, text or references. "nowhere": such
# a call is of no layout that plans know. "both": on both sides, of numbers that the call does not tell.
Side = Literal["nowhere", "front", "behind", "both"]


@dataclass(frozen=True)
class NetworkShape:
    """What a plan must fit.

    Attributes:
        stacks: (layers, heads of each layer) of every list of blocks.
        head_dim: of every head.
    """

    stacks: tuple[tuple[int, int], ...]
    head_dim: int

    def __str__(self) -> str:
        stacks = " + ".join(f"{layers} layers x {heads} heads" for layers, heads in self.stacks)
        return f"{stacks} x {self.head_dim}"


@dataclass(frozen=True)
class TextTokens:
    """Tokens beside the grid in one attention call."""

    prefix: int = 0
    suffix: int = 0


def tokens_beside(side: Side, tokens: int, grid: int) -> TextTokens | str:
    """Where the tokens of a call stand that are not of the clip.

    Args:
        side: where the network has them.
        tokens: of the call.
        grid: tokens of the clip.

    Returns:
        How many on which side, or a reason (text) why plans do not know such a call.
    """
    more = tokens - grid
    if more == 0:
        return TextTokens()
    if side == "nowhere":
        return f"{tokens} tokens are not the {grid} of the clip (guide or reference tokens)"
    if more < 0:
        return f"{tokens} tokens are fewer than the {grid} of the clip"
    if side == "both":
        return f"{tokens} tokens are more than the {grid} of the clip, on both sides of it"
    return TextTokens(suffix=more) if side == "behind" else TextTokens(prefix=more)


def tokens_of(latent_shape: Sequence[int], patch: Sequence[int]) -> Grid:
    """The clip's grid in tokens, padded up as the networks do.

    Args:
        latent_shape: [..., frames, rows, columns].
        patch: latent cells of a token, (frames, rows, columns).
    """
    frames, rows, cols = (-(-size // step) for size, step in zip(latent_shape[-3:], patch, strict=True))
    return frames, rows, cols


@dataclass(frozen=True)
class Traits:
    """What tells models of one family apart, as far as the host knows it of a network.

    Attributes:
        channels_in: of its latents, conditions that are joined to them counted.
        channels_out: of its latents.
        image_encoder: it attends to an image's embedding.
        frames_in_patch: latent frames of a token.
        kind: what the host knows the model as, where that is more than these say.
    """

    channels_in: int | None = None
    channels_out: int | None = None
    image_encoder: bool = False
    frames_in_patch: int = 1
    kind: str = ""


@dataclass(frozen=True)
class Kind:
    """Models of a family that have these traits; None: they say nothing of it.

    Attributes:
        models: as plans call them, the likeliest first.
        channels_in: as in Traits.
        channels_out: as in Traits.
        image_encoder: as in Traits.
        joins_frames: a token is of several latent frames.
        file_name: a regular expression that the name of the weights' file must hold, where only weights differ.
    """

    models: tuple[str, ...]
    channels_in: int | None = None
    channels_out: int | None = None
    image_encoder: bool | None = None
    joins_frames: bool | None = None
    file_name: str = ""

    def fits(self, traits: Traits, file_name: str) -> bool:
        """Whether a network is of this kind. file_name: of its weights."""
        return (
            self.channels_in in (None, traits.channels_in)
            and self.channels_out in (None, traits.channels_out)
            and self.image_encoder in (None, traits.image_encoder)
            and self.joins_frames in (None, traits.frames_in_patch > 1)
            and re.search(self.file_name, file_name.lower()) is not None
        )


@dataclass(frozen=True)
class Family:
    """One family of models, as every host knows it.

    Attributes:
        name: as users know it.
        plan_families: beginnings of the names that plans use, letters and digits only.
        side: where text or references stand beside the clip.
        stack_names: of the lists of blocks, in plans.
        kinds: its models, the first that fits; none: all of them are one.
    """

    name: str
    plan_families: tuple[str, ...]
    side: Side
    stack_names: tuple[str, ...] = ("blocks",)
    kinds: tuple[Kind, ...] = ()

    def knows(self, plan_family: str) -> bool:
        """Whether a plan's model is of this family."""
        return any(_plain(plan_family).startswith(begin) for begin in self.plan_families)

    def models(self, traits: Traits, file_name: str = "") -> tuple[str, ...]:
        """What a network may be, as plans call it, the likeliest first.

        Args:
            traits: of the network.
            file_name: of its weights.
        """
        if traits.kind:
            return (traits.kind,)
        return next((kind.models for kind in self.kinds if kind.fits(traits, file_name)), self.plan_families[:1])

    def rank(self, plan_family: str, traits: Traits, file_name: str = "") -> int | None:
        """Place of a plan's model among what a network may be; None when the plan is for a relative of equal shape.

        Args:
            plan_family: the plan's model.
            traits: of the network.
            file_name: of its weights.
        """
        if not self.kinds:
            return 0
        found = [_plain(plan_family).startswith(_plain(model)) for model in self.models(traits, file_name)]
        return found.index(True) if any(found) else None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


# Image to video: 36 channels go in; 2.1 has an image encoder, 2.2 has none. The 5B model alone gives 48 channels. Text
# to video of 2.1 and of 2.2 differ in nothing but weights.
WAN_KINDS = (
    Kind(("wan2.2-ti2v",), channels_out=48),
    Kind(("wan2.1-i2v",), channels_in=36, image_encoder=True),
    Kind(("wan2.1-fun",), image_encoder=True),
    Kind(("wan2.2-i2v",), channels_in=36),
    Kind(("wan2.2-t2v", "wan2.1-t2v"), file_name=r"wan[\W_]*2[\W_]?2|(high|low)[\W_]?noise"),
    Kind(("wan2.1-t2v", "wan2.2-t2v")),
)
COGVIDEOX_KINDS = (Kind(("cogvideox-1.5",), joins_frames=True), Kind(("cogvideox-2b", "cogvideox-5b")))

# Extra frames stand in front of the clip; hosts say where a network or a forward has them elsewhere.
WAN = Family("Wan", ("wan",), "front", kinds=WAN_KINDS)
WAN_VACE = Family("Wan VACE", ("wan",), "front", ("blocks", "vace_blocks"), (Kind(("wan2.1-vace",)),))
HUNYUAN_VIDEO = Family("HunyuanVideo", ("hunyuanvideo", "skyreels"), "front", ("double_blocks", "single_blocks"))
COGVIDEOX = Family("CogVideoX", ("cogvideox",), "front", kinds=COGVIDEOX_KINDS)
LTXV = Family("LTX-Video", ("ltxv", "ltxvideo", "ltx09"), "nowhere", ("transformer_blocks",))
LTXAV = Family("LTX-2", ("ltxav", "ltx2"), "nowhere", ("transformer_blocks",))
MOCHI = Family("Mochi", ("mochi",), "behind")
COSMOS1 = Family("Cosmos", ("cosmos1", "cosmospredict1", "cosmosdiffusion"), "nowhere")
COSMOS_PREDICT2 = Family("Cosmos Predict2", ("cosmospredict2", "cosmos2"), "nowhere")
KANDINSKY5 = Family("Kandinsky 5", ("kandinsky5",), "nowhere", ("visual_transformer_blocks",))

FAMILIES = (
    WAN_VACE,
    WAN,
    HUNYUAN_VIDEO,
    COGVIDEOX,
    LTXV,
    LTXAV,
    MOCHI,
    COSMOS1,
    COSMOS_PREDICT2,
    KANDINSKY5,
)


def why_not(plan: Plan, family: Family, shape: NetworkShape, name: str = "") -> str:
    """Empty when the plan fits a network of the family; one may have further stacks, which stay dense.

    Args:
        plan: what is to run.
        family: of the network.
        shape: of the network.
        name: of the plan, as the user knows it.
    """
    model = plan.model
    name = name or plan.name
    if not family.knows(model.family):
        return f'the plan "{name}" is for {model.family}, not for {family.name}'
    stacks = tuple((stack.layers, stack.heads) for stack in model.stacks)
    if stacks != shape.stacks[: len(stacks)] or model.head_dim != shape.head_dim:
        needed = NetworkShape(stacks, model.head_dim)
        return f'the plan "{name}" is for {needed}, this model has {shape}'
    return ""
