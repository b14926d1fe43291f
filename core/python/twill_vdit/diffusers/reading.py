# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What the arguments of a transformer's forward say of the clip, and when the value of a tensor is waited for."""

import functools
import inspect
import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from twill_vdit.diffusers.networks import Arguments, Network
from twill_vdit.families import Grid

MOST_KEPT = 8

Value = TypeVar("Value")


@functools.cache
def _signature(cls: Any) -> inspect.Signature:
    return inspect.signature(cls.forward)


def named_arguments(transformer: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
    """By the names of the class's forward; hooks of diffusers replace the one of the object."""
    cls: Any = type(transformer)
    return _signature(cls).bind_partial(transformer, *args, **kwargs).arguments


class Kept:
    """Values of tensors that a pipeline gives again in every step: each is waited for once.

    A tensor that was changed in place since, as torch counts it, is read again.
    """

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[tuple[weakref.ref[torch.Tensor], ...], Any]] = {}

    def of(self, tensors: tuple[torch.Tensor, ...], read: Callable[[], Value]) -> Value:
        """What read() gives or gave.

        Args:
            tensors: that it depends on.
            read: of their values.
        """
        if any(tensor.is_inference() for tensor in tensors):
            return read()  # they count no changes
        key = tuple((id(tensor), tensor._version) for tensor in tensors)
        known = self._kept.get(key)
        if known is not None and all(ref() is tensor for ref, tensor in zip(known[0], tensors, strict=True)):
            return known[1]  # type: ignore[no-any-return]
        while len(self._kept) >= MOST_KEPT:
            self._kept.pop(next(iter(self._kept)))
        value = read()
        self._kept[key] = tuple(weakref.ref(tensor) for tensor in tensors), value
        return value


@dataclass(frozen=True)
class Reading:
    """What one forward's arguments say.

    Attributes:
        grid: frames, rows and columns of tokens; None: the latent is no clip.
        valid_text: of each clip of the batch, tokens beside the grid that are no padding; None: there is no padding.
        timestep: as the network is given it.
        level: [numbers], on the timestep's device, as the network's Clock has it.
        batch: clips.
        device: of the network's latents.
        own_attention: why the network's own attention stays; empty when it does not.
    """

    grid: Grid | None
    valid_text: tuple[int, ...] | None
    timestep: torch.Tensor
    level: torch.Tensor
    batch: int
    device: torch.device
    own_attention: str


_TEXT_TENSORS = "encoder_attention_mask", "encoder_attention_mask_2", "image_embeds"


def read_forward(network: Network, config: Any, arguments: Arguments, kept: Kept) -> Reading:
    """Reads the arguments of one forward.

    Args:
        network: of the transformer.
        config: of the transformer.
        arguments: by name.
        kept: what was read before, for this transformer.
    """
    latents: torch.Tensor = arguments["hidden_states"]
    timestep = torch.as_tensor(arguments["timestep"])
    places = arguments.get("video_coords")
    grid = (
        kept.of((places,), lambda: network.grid(config, arguments))
        if isinstance(places, torch.Tensor)
        else network.grid(config, arguments)
    )
    valid = None
    if network.valid_text is not None:
        count = network.valid_text
        tensors = tuple(x for x in (arguments.get(name) for name in _TEXT_TENSORS) if isinstance(x, torch.Tensor))
        valid = kept.of(tensors, lambda: tuple(int(tokens) for tokens in count(arguments).tolist()))
    return Reading(
        grid=grid,
        valid_text=valid,
        timestep=timestep.detach(),
        level=network.clock(config).level(timestep.detach().reshape(-1)),
        batch=latents.shape[0],
        device=latents.device,
        own_attention=network.own_attention(arguments),
    )
