# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What is known of one forward of the network while it runs."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from twill_vdit.families import Grid, Side
from twill_vdit.running.call import Site

if TYPE_CHECKING:
    import torch


@dataclass(kw_only=True)
class Forward:
    """A host makes one before each forward of the network.

    Attributes:
        t: 1 noise, 0 clean.
        grid: frames, rows and columns of tokens; None: the latent is no clip.
        side: where tokens of a call stand that are not of the grid.
        dense_because: a reason for the whole forward to be dense.
        site: of the block that runs, written by sites_told where the network tells none.
        told: handles of the compiled plans that know t.
    """

    t: float
    grid: Grid | None
    side: Side = "nowhere"
    dense_because: str = ""
    site: Site | None = None
    told: set[int] = field(default_factory=set)

    @property
    def grid_tokens(self) -> int:
        """Tokens of the clip; 0 without one."""
        frames, rows, cols = self.grid or (0, 0, 0)
        return frames * rows * cols


class _Current(threading.local):
    """One forward per thread: with several GPUs each has a thread of its own."""

    forward: Forward | None = None


_current = _Current()


def current() -> Forward | None:
    """The forward that runs in this thread, as running_forward has it."""
    return _current.forward


@contextlib.contextmanager
def running_forward(forward: Forward) -> Iterator[Forward]:
    """While it holds, current() is this forward in this thread."""
    before, _current.forward = _current.forward, forward
    try:
        yield forward
    finally:
        _current.forward = before


@contextlib.contextmanager
def sites_told(stacks: "Sequence[Sequence[torch.nn.Module]]") -> Iterator[None]:
    """While it holds, every block writes its site into the running forward, by hooks.

    For one forward, and removed after it, whatever happens.

    Args:
        stacks: lists of blocks, one list per stack.
    """

    def enter(site: Site) -> Any:
        def hook(module: "torch.nn.Module", args: Any) -> None:
            if _current.forward is not None:
                _current.forward.site = site

        return hook

    def leave(module: "torch.nn.Module", args: Any, output: Any) -> None:
        if _current.forward is not None:
            _current.forward.site = None

    handles = []
    try:
        for stack, blocks in enumerate(stacks):
            for layer, block in enumerate(blocks):
                handles.append(block.register_forward_pre_hook(enter((stack, layer))))
                handles.append(block.register_forward_hook(leave))
        yield
    finally:
        for handle in handles:
            handle.remove()
