# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What is done with the calls of a dense clip: what a search must know beforehand, and what it is to be shown."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch

from twill_vdit.diffusers.searching.clips import ClipEnded
from twill_vdit.diffusers.searching.gains import head_gains
from twill_vdit.diffusers.searching.watching import Seen
from twill_vdit.errors import Error
from twill_vdit.families import TextTokens, tokens_beside
from twill_vdit.layout import TokenLayout
from twill_vdit.profiler import Profiler
from twill_vdit.running import AttentionCall, Site
from twill_vdit.search import ClipWork, SearchRun


def _beside(seen: Seen) -> TextTokens:
    beside = tokens_beside(seen.forward.side, seen.call.tokens, seen.forward.grid_tokens)
    if isinstance(beside, str):
        raise Error(f"this clip cannot be searched on: {beside}", "model")
    return beside


@dataclass
class Probe:
    """Ends a clip as soon as its layout is known.

    Text is counted without padding, so prompts may differ in it, and the halves of the guidance. The layout has as much
    as the shortest.

    Attributes:
        whole_step: the first step is looked at, not the first call alone.
        layout: of the shortest text; None before a call was seen.
        device: of the calls.
        dtype: of the calls.
    """

    whole_step: bool
    layout: TokenLayout | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    dtype: torch.dtype = torch.float32

    def on_call(self, seen: Seen) -> None:
        """As Watch has it."""
        if seen.step not in (0, None):
            raise ClipEnded
        beside, (frames, rows, cols) = _beside(seen), seen.forward.grid or (0, 0, 0)
        found = TokenLayout(frames=frames, rows=rows, cols=cols, prefix=beside.prefix, suffix=beside.suffix)
        self.layout = found if self.layout is None else shorter(self.layout, found)
        self.device, self.dtype = seen.call.q.device, seen.call.q.dtype
        if not self.whole_step:
            raise ClipEnded


def shorter(one: TokenLayout, other: TokenLayout) -> TokenLayout:
    """The layout with less text.

    Raises:
        Error: their clips differ.
    """
    if (one.frames, one.rows, one.cols) != (other.frames, other.rows, other.cols):
        sizes = " and ".join(f"{each.frames}x{each.rows}x{each.cols}" for each in (one, other))
        raise Error(f"the clips of a search must be of one size; there are {sizes} tokens")
    return min(one, other, key=lambda each: each.tokens)


class Showing:
    """Shows the steps of a ClipWork to the search, and ends the clip after the last where nobody wants the rest."""

    def __init__(
        self,
        run: SearchRun,
        work: ClipWork,
        layout: TokenLayout,
        *,
        whole: bool,
        after_step: Callable[[int], None],
    ) -> None:
        """A clip that begins.

        Args:
            run: that asked for it.
            work: what is asked for.
            layout: of the clips.
            whole: the clip is wanted itself.
            after_step: is given how many steps are done.
        """
        self._run = run
        self._prompt = work.prompt
        self._profiler: Profiler = run.profiler(layout)
        self._shown = {step: i for step, i in work.shown if not self._profiler.done(i, work.prompt)}
        self._layout = layout
        self._whole = whole
        self._after_step = after_step
        self._step = 0
        self._measured: set[tuple[int, Site, int]] = set()  # expert, site, branch
        self._begin = time.monotonic()

    @property
    def is_wanted(self) -> bool:
        """Whether the clip is to be made at all."""
        return self._whole or bool(self._shown)

    def on_call(self, seen: Seen) -> None:
        """As Watch has it."""
        if seen.step is None:
            return
        if seen.step != self._step:
            self.finish_unit()
            self._step = seen.step
            self._after_step(seen.step)
            if not self.is_wanted:
                raise ClipEnded
        if self._step in self._shown:
            self._observe(seen, self._shown[self._step])

    def _observe(self, seen: Seen, t_index: int) -> None:
        call, beside = self._without_more_text(seen.call, _beside(seen)), self._layout.prefix
        stack, layer = seen.site
        for branch, rows in call.rows_of(seen.branches):
            place = seen.expert, seen.site, branch
            if place in self._measured:
                continue  # a further forward of the step, or a further clip of the batch
            self._measured.add(place)
            part = replace(call, q=call.q[rows], k=call.k[rows], v=call.v[rows])
            self._profiler.observe(
                part.q.detach(),
                part.k.detach(),
                part.v.detach(),
                head_gains(part, beside, seen.forward.grid_tokens, seen.block, seen.row_of(branch)),
                t_index=t_index,
                prompt=self._prompt,
                layer=layer,
                stack=stack,
                expert=seen.expert,
                branch=branch,
                scale=part.scale,
            )

    def _without_more_text(self, call: AttentionCall, beside: TextTokens) -> AttentionCall:
        """Of a longer text the tokens that the layout has, those next to the clip in front of it, else the first."""
        more = call.tokens - self._layout.tokens
        if more < 0:
            has, wants = beside.prefix + beside.suffix, self._layout.prefix + self._layout.suffix
            raise Error(f"a text has {has} tokens later in the run, and {wants} at its begin", "model")
        first = more if beside.prefix else 0
        q, k, v = (x.narrow(2, first, self._layout.tokens) for x in (call.q, call.k, call.v))
        return replace(call, q=q, k=k, v=v)

    def finish_unit(self) -> None:
        """The step is over: what was measured in it is kept.

        Raises:
            Error: not all of it was seen.
        """
        t_index = self._shown.pop(self._step, None)
        if t_index is None:
            return
        now = time.monotonic()
        try:
            self._run.finish_unit(t_index, now - self._begin)
        except Error as error:
            raise Error(
                f"step {self._step + 1} was not computed whole, as caches leave out blocks and forwards; search "
                f"without them ({error})",
                error.code,
            ) from error
        self._begin, self._measured = now, set()

    def clip_over(self) -> None:
        """The pipeline is done.

        Raises:
            Error: a step was never seen.
        """
        self.finish_unit()
        if self._shown:
            step = min(self._shown)
            raise Error(
                f"no forward was seen in step {step + 1}: a cache left it out, or the scheduler has no forward at its "
                "t. Search without caches, with a scheduler that makes one forward a step",
                "unsupported",
            )
