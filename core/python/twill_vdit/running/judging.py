# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Is a plan faster than the host's own attention? Calls of a run are timed where they are, and compared at its end.

Nothing waits for the device while the run goes on: marks stand in its queue and are read when all is over. The first
call of each site is not timed, as kernels are compiled and tables copied in it. The host's attention is timed where it
runs anyway; where it never does, and has no state, it is called once more for it, with the q, k and v of a call.
"""

import statistics
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Protocol

import torch

from twill_vdit.running.call import AttentionCall, Site

LEAST_TOKENS = 1024  # of calls that are compared: in shorter ones the host's own work hides the rest
MOST_SPARSE, MOST_DENSE = 256, 5  # timed calls of a kind
ALIKE = 0.97  # a plan that has this share of the other's speed is not called slower


class Span(Protocol):
    """One call that is timed.

    Attributes:
        is_over: it did not fail.
    """

    is_over: bool

    def end(self) -> None:
        """The call is over, as far as the host sees."""

    def milliseconds(self) -> float:
        """That it took; asked when the run is over."""


class HostSpan:
    """Of a call that is done when it returns."""

    def __init__(self) -> None:
        self.is_over = False
        self._begin = time.perf_counter()
        self._seconds = 0.0

    def end(self) -> None:
        """The call is over."""
        self._seconds = time.perf_counter() - self._begin
        self.is_over = True

    def milliseconds(self) -> float:
        """That it took."""
        return 1e3 * self._seconds


class QueueSpan:
    """By marks in the queue of a GPU."""

    def __init__(self, device: torch.device) -> None:
        self.is_over = False
        with torch.cuda.device(device):
            self._begin, self._end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            self._begin.record()

    def end(self) -> None:
        """The call stands in the queue."""
        self._end.record()
        self.is_over = True

    def milliseconds(self) -> float:
        """That it took on the device."""
        self._end.synchronize()
        return float(self._begin.elapsed_time(self._end))


def can_be_timed(device: torch.device) -> bool:
    """False where there is no clock, and while a CUDA graph is captured."""
    if device.type == "cuda":
        return not torch.cuda.is_current_stream_capturing()
    return device.type == "cpu"


def span_on(device: torch.device) -> Span:
    """That begins now."""
    return QueueSpan(device) if device.type == "cuda" else HostSpan()


@dataclass(frozen=True)
class Judgement:
    """A plan beside the host's attention.

    Attributes:
        against: what the host's attention is called.
        times_as_fast: the plan's calls; below 1 they are slower.
        density: of these calls, the mean.
        sparse_ms: of such a call, the mean.
        dense_ms: of the host's attention with the same q, k and v.
        calls: by the plan that were timed.
    """

    against: str
    times_as_fast: float
    density: float
    sparse_ms: float
    dense_ms: float
    calls: int

    @property
    def is_slower(self) -> bool:
        """By more than what two timings of one thing differ."""
        return self.times_as_fast < ALIKE

    def text(self) -> str:
        """In words."""
        return (
            f"{self.against}: {self.times_as_fast:.2f}x at density {self.density:.2f} "
            f"({_shown(self.sparse_ms)} ms a call, {_shown(self.dense_ms)} ms without the plan)"
        )


def _shown(milliseconds: float) -> str:
    return f"{milliseconds:,.0f}" if milliseconds >= 100 else f"{milliseconds:.3g}"


@dataclass
class _Kind:
    """Calls of one shape.

    seen: sites that have attended by the plan; sparse: spans and densities by site and segment; dense_calls: that the
    host's attention has served, timed or not.
    """

    seen: set[Site] = field(default_factory=set)
    sparse: dict[tuple[Site, int], tuple[Span, float]] = field(default_factory=dict)
    dense: list[Span] = field(default_factory=list)
    dense_calls: int = 0
    asked: bool = False


class Judge:
    """Times calls of one run. Several threads may ask at once.

    Attributes:
        against: what the host's attention is called; empty until it is known.
    """

    def __init__(self) -> None:
        self.against = ""
        self._kinds: dict[Hashable, _Kind] = {}
        self._why_not = ""
        self._lock = threading.Lock()

    def _kind(self, call: AttentionCall) -> _Kind | None:
        """None of calls that are not compared."""
        if call.tokens < LEAST_TOKENS:
            self._why_not = self._why_not or f"its calls have fewer than {LEAST_TOKENS:,} tokens"
            return None
        if call.masked or call.grouped or not can_be_timed(call.q.device):
            return None
        key = (tuple(call.q.shape), call.q.dtype, call.q.device)
        return self._kinds.setdefault(key, _Kind())

    def sparse(self, call: AttentionCall, site: Site, segment: int, density: float) -> Span | None:
        """Before a call by the plan: what times it, if it is to be timed."""
        with self._lock:
            kind = self._kind(call)
            if kind is None:
                return None
            if site not in kind.seen:
                kind.seen.add(site)
                return None
            if (site, segment) in kind.sparse or len(kind.sparse) >= MOST_SPARSE:
                return None
            span = span_on(call.q.device)
            kind.sparse[site, segment] = span, density
            return span

    def dense(self, call: AttentionCall) -> Span | None:
        """Before a call of the host's attention: what times it, if it is to be timed."""
        with self._lock:
            kind = self._kind(call)
            if kind is None:
                return None
            kind.dense_calls += 1
            if kind.dense_calls == 1 or len(kind.dense) >= MOST_DENSE:
                return None
            kind.dense.append(span_on(call.q.device))
            return kind.dense[-1]

    def ask_dense(self, call: AttentionCall, site: Site, dense: Callable[[], object]) -> None:
        """Before a call by the plan: calls the host's attention for a comparison where it never runs by itself.

        Args:
            call: whose q, k and v it has.
            site: of the call.
            dense: the host's attention. What it raises is not raised.
        """
        with self._lock:
            kind = self._kind(call)
            if kind is None or kind.asked or kind.dense or site not in kind.seen:
                return
            kind.asked = True
        try:
            if call.q.device.type == "cuda":
                dense()  # may choose or compile something
            span = span_on(call.q.device)
            dense()
            span.end()
        except Exception as error:  # who runs a plan need not have the memory for it
            self._why_not = f"it failed when it was asked for comparison ({type(error).__name__})"
            return
        with self._lock:
            kind.dense.append(span)

    def judgement(self) -> Judgement | None:
        """When the run is over; None where nothing could be compared, and why_not says why."""
        pairs: list[tuple[float, float, float]] = []  # (sparse, dense, density) of each call
        with self._lock:
            for kind in self._kinds.values():
                took = [span.milliseconds() for span in kind.dense if span.is_over]
                by_plan = [(span.milliseconds(), density) for span, density in kind.sparse.values() if span.is_over]
                if took and by_plan:
                    pairs += [(sparse, statistics.median(took), density) for sparse, density in by_plan]
        if not pairs:
            return None
        sparse_ms, dense_ms, density = (statistics.fmean(column) for column in zip(*pairs, strict=True))
        return Judgement(self.against, dense_ms / max(sparse_ms, 1e-6), density, sparse_ms, dense_ms, len(pairs))

    def why_not(self) -> str:
        """Of a run without a judgement."""
        if any(kind.sparse for kind in self._kinds.values()):
            return self._why_not or "it had no call of its own in this run"
        return self._why_not or "too few calls ran by the plan"
