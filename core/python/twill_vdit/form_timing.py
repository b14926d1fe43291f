# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Times forms of attention on a card, in some tens of milliseconds, on a call like those of a video model.

INT8 pays for quantising every token, so what counts is how many keys a query keeps: as many as in a clip of 480p with
32,760 tokens at a density of 0.3, in half the tokens, which takes half the time.
"""

import functools
import logging
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
import torch

from twill_vdit import cuda, eager, flex, native
from twill_vdit.choosing import Form, UntimedError
from twill_vdit.cuda_words import CudaWords
from twill_vdit.runtime_kernels import launching
from twill_vdit.runtime_kernels.compiling import CompileError
from twill_vdit.tile_lists import KEY_TILE, QUERY_TILE, ListArrays, TileList

TOKENS = 16384
DENSITY = 0.6
BUDGET_MS = 15.0  # of the rounds that count
FEWEST_ROUNDS, MOST_ROUNDS = 3, 9
HOPELESS = 3.0  # times as slow as the fastest in the first round: not run again
NO_MEMORY = "there was no memory to time them"
_ITEMS_A_MULTIPROCESSOR = 4  # query tiles at head_dim 128: they fill a card, a small one for some milliseconds

Run = Callable[[], object]
_log = logging.getLogger("twill_vdit")


class Clock(Protocol):
    """How long runs take on a device; a test may put another in its place."""

    def milliseconds(self, runs: Sequence[Run]) -> list[float]:
        """Of each run, one after the other."""


class EventClock:
    """By events in the device's queue, which is waited for once.

    The first of several runs comes twice and counts once: behind it the device never waits for the host.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def milliseconds(self, runs: Sequence[Run]) -> list[float]:
        """Of each run, one after the other."""
        marks = []
        with torch.cuda.device(self._device):
            if len(runs) > 1:
                runs[0]()
            for run in runs:
                begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
                begin.record()
                run()
                end.record()
                marks.append((begin, end))
            torch.cuda.current_stream().synchronize()
        return [begin.elapsed_time(end) for begin, end in marks]


def time_forms(
    forms: Sequence[Form], device: torch.device, dtype: torch.dtype, head_dim: int
) -> dict[str, float | None]:
    """Milliseconds of a call by each form, None where it failed.

    Raises:
        UntimedError: there is no memory for it, or the device answers with an error.
        CompileError: a kernel does not compile here.
    """
    _log.warning(
        "twill_vdit times its forms of attention on %s, once for this card, driver and torch: %s ...",
        launching.driver.card(device),
        ", ".join(form.name for form in forms),
    )
    begin = time.perf_counter()
    try:
        with torch.no_grad(), torch.cuda.device(device):
            milliseconds = time_in_turns(runs_of(forms, device, dtype, head_dim), EventClock(device))
    except (CompileError, UntimedError):
        raise
    except (torch.cuda.OutOfMemoryError, MemoryError) as error:
        raise UntimedError(NO_MEMORY) from error
    except (RuntimeError, AssertionError) as error:  # torch's own kinds are of these
        raise UntimedError(f"timing failed ({_said(error)})") from error
    _log.warning("twill_vdit timed them in %.1f s, with what had to be compiled", time.perf_counter() - begin)
    return milliseconds


def time_in_turns(runs: Mapping[str, Run], clock: Clock) -> dict[str, float | None]:
    """The median of rounds in which the runs take turns, forwards and backwards; None of one that fails.

    Raises:
        UntimedError: the device has no memory for it.
        CompileError: of a run.
    """
    milliseconds: dict[str, float | None] = dict.fromkeys(runs)
    # Compiles, and fills caches.
    working = {name: run for name, run in runs.items() if _works(name, run, clock)}
    if not working:
        return milliseconds
    # The card's clocks rise in this round: it only says how many follow, and which forms are out of question.
    first = dict(zip(working, clock.milliseconds(list(working.values())), strict=True))
    near = {name: run for name, run in working.items() if first[name] <= HOPELESS * min(first.values())}
    rounds: dict[str, list[float]] = {name: [] for name in near}
    wanted = int(BUDGET_MS / max(sum(first[name] for name in near), 1e-3))
    for number in range(min(max(wanted, FEWEST_ROUNDS), MOST_ROUNDS)):
        names = list(near) if number % 2 == 0 else list(near)[::-1]
        for name, took in zip(names, clock.milliseconds([near[name] for name in names]), strict=True):
            rounds[name].append(took)
    return milliseconds | first | {name: statistics.median(took) for name, took in rounds.items()}


def _works(name: str, run: Run, clock: Clock) -> bool:
    try:
        clock.milliseconds([run])
    except (torch.cuda.OutOfMemoryError, MemoryError) as error:
        raise UntimedError(NO_MEMORY) from error
    except CompileError:
        raise
    except Exception as error:  # a form that does not run is none; FlexAttention fails in many kinds
        _log.warning("twill_vdit leaves out %s: %s", name, _said(error))
        return False
    return True


def _said(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200] if lines else 'no text'}"


def band() -> ListArrays:
    """A list in which each query tile keeps the key tiles around it, clamped at the ends."""
    query_tiles, key_tiles = TOKENS // QUERY_TILE, TOKENS // KEY_TILE
    kept = round(DENSITY * key_tiles)
    middle = np.arange(query_tiles) * (QUERY_TILE // KEY_TILE)
    first = np.clip(middle - kept // 2, 0, key_tiles - kept)
    runs = np.stack([first, np.full(query_tiles, kept)], axis=1).astype(np.int32)
    return runs, np.arange(query_tiles + 1, dtype=np.int32), None


def runs_of(forms: Sequence[Form], device: torch.device, dtype: torch.dtype, head_dim: int) -> dict[str, Run]:
    """The same call by each form; torch's random numbers stay where they are."""
    processors = torch.cuda.get_device_properties(device).multi_processor_count
    items = _ITEMS_A_MULTIPROCESSOR * processors * 128 / head_dim
    heads = math.ceil(items / (TOKENS // QUERY_TILE))
    generator = torch.Generator(device).manual_seed(1)
    q, k, v = torch.randn(3, 1, heads, TOKENS, head_dim, generator=generator, device=device, dtype=dtype)
    out = torch.empty_like(q)
    return {form.name: _run_of(form, (q, k, v), out, band()) for form in forms}


def _run_of(
    form: Form, tensors: tuple[torch.Tensor, torch.Tensor, torch.Tensor], out: torch.Tensor, arrays: ListArrays
) -> Run:
    q = tensors[0]
    device, scale = q.device, q.shape[3] ** -0.5
    if form.backend not in ("native_cuda", "runtime_cuda"):
        sparse_heads = flex.sparse_heads if form.backend == "flex" else eager.sparse_heads
        return functools.partial(sparse_heads, *tensors, TileList(*arrays), scale)
    layer = [("sparse", 0, "int8" if form.is_int8 else "bf16")] * q.shape[1]
    on_device: cuda.DevicePlan | launching.DeviceWords
    if form.backend == "native_cuda":
        on_device = cuda.DevicePlan(native.binary.CudaTables.of_lists(q.shape[2], [arrays], [[layer]]), device)
    else:
        on_device = launching.DeviceWords(CudaWords(q.shape[2], [arrays], [[layer]]), device)
    return functools.partial(on_device.run, *tensors, out, scale, 0, variant=0, kernel=form.asked)
