# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Facts of the model families: what plans call them, and where tokens stand that are not the clip's.

They stand in presets/models.json, which the C++ core and the makers of presets read too. A host of models (ComfyUI,
diffusers, a script) adds what is its own: which of its classes is which family, how it reaches blocks and heads of a
network, and a network's traits.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from twill_vdit.json_reading import parse_json
from twill_vdit.layout import TokenLayout
from twill_vdit.plan import Plan
from twill_vdit.shipped import models_file

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
    "MODELS",
    "WAN",
    "WAN_VACE",
    "Family",
    "Grid",
    "Kind",
    "Model",
    "ModelSize",
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


@dataclass(frozen=True)
class ModelSize:
    """Weights of a model, with the setting that its authors give.

    Attributes:
        label: as users know it.
        prefix: of the names of its presets.
        stacks: (name, layers, heads of each layer) of every list of blocks.
        head_dim: of every head.
        width: of its clips, in pixels.
        height: of its clips, in pixels.
        frames: of its clips.
        steps: of its runs.
        shift: of its schedule; None: it has none.
        fps: frames a second; None: not known here.
        cfg: scale of the guidance, of the expert that begins where experts have two; None: not known here.
        cfg_second: of the other expert; None: the same.
    """

    label: str
    prefix: str
    stacks: tuple[tuple[str, int, int], ...]
    head_dim: int
    width: int
    height: int
    frames: int
    steps: int
    shift: float | None
    fps: float | None = None
    cfg: float | None = None
    cfg_second: float | None = None


@dataclass(frozen=True)
class Model:
    """What is known of a model that plans, model folders and the folders of presets name.

    Attributes:
        name: as they name it.
        family: the id of its family.
        patch: latent cells of a token, (frames, rows, columns).
        strides: frames and pixels of a latent cell; the first latent frame is one frame.
        channels: of its latents.
        prediction: what the network's output is, "flow" or "v".
        timesteps: the training range; the network is given it times t.
        experts: networks that share a run, the noisiest first.
        boundary: the t below which the second expert runs; 0 where there is one.
        text: tokens beside the clip in self-attention.
        sizes: its weights.
    """

    name: str
    family: str
    patch: Grid
    strides: Grid
    channels: int
    prediction: str
    timesteps: float
    experts: tuple[str, ...]
    boundary: float
    text: TextTokens
    sizes: tuple[ModelSize, ...]

    def layout(self, width: int, height: int, frames: int) -> TokenLayout:
        """Tokens of a clip, its text with it.

        Args:
            width: in pixels.
            height: in pixels.
            frames: of the clip.
        """
        latents = ((frames - 1) // self.strides[0] + 1, height // self.strides[1], width // self.strides[2])
        grid = tokens_of(latents, self.patch)
        return TokenLayout(prefix=self.text.prefix, frames=grid[0], rows=grid[1], cols=grid[2], suffix=self.text.suffix)

    def size(self, label: str) -> ModelSize:
        """Its weights of that label."""
        return next(size for size in self.sizes if size.label == label)


def _family(entry: dict[str, Any]) -> Family:
    kinds = tuple(Kind(**{**kind, "models": tuple(kind["models"])}) for kind in entry["kinds"])
    return Family(entry["name"], tuple(entry["plan_families"]), entry["side"], tuple(entry["stacks"]), kinds)


def _model(entry: dict[str, Any], stacks: Sequence[str]) -> Model:
    text = entry.get("text", {"tokens": 0, "side": "behind"})
    return Model(
        name=entry["name"],
        family=entry["family"],
        patch=_grid(entry["patch"]),
        strides=_grid(entry["strides"]),
        channels=entry["channels"],
        prediction=entry["prediction"],
        timesteps=entry["timesteps"],
        experts=tuple(entry.get("experts", ("default",))),
        boundary=entry.get("boundary", 0.0),
        text=TextTokens(**{"prefix" if text["side"] == "front" else "suffix": text["tokens"]}),
        sizes=tuple(_size(size, stacks) for size in entry["sizes"]),
    )


def _size(entry: dict[str, Any], stacks: Sequence[str]) -> ModelSize:
    # A size may leave out the last stacks: HunyuanVideo 1.5 has no single blocks.
    named = tuple((name, layers, entry["heads"]) for name, layers in zip(stacks, entry["layers"], strict=False))
    # Its settings are for programs that run it by themselves.
    facts = {name: value for name, value in entry.items() if name not in ("layers", "heads", "settings")}
    return ModelSize(**{"shift": None, **facts, "stacks": named})


def _grid(axes: Sequence[int]) -> Grid:
    frames, rows, cols = axes
    return frames, rows, cols


_FACTS = parse_json(models_file().read_bytes(), str(models_file()))
_BY_ID = {entry["id"]: _family(entry) for entry in _FACTS["families"]}

# In the order in which hosts look for them. The side is where text or references stand; hosts say where a network or a
# forward has them elsewhere.
FAMILIES = tuple(_BY_ID.values())
MODELS = {entry["name"]: _model(entry, _BY_ID[entry["family"]].stack_names) for entry in _FACTS["models"]}

WAN = _BY_ID["wan"]
WAN_VACE = _BY_ID["wan_vace"]
HUNYUAN_VIDEO = _BY_ID["hunyuan_video"]
COGVIDEOX = _BY_ID["cogvideox"]
LTXV = _BY_ID["ltxv"]
LTXAV = _BY_ID["ltxav"]
MOCHI = _BY_ID["mochi"]
COSMOS1 = _BY_ID["cosmos1"]
COSMOS_PREDICT2 = _BY_ID["cosmos_predict2"]
KANDINSKY5 = _BY_ID["kandinsky5"]


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
