# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What ran sparse and what did not, and why; written while sampling, told once at its end."""

import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from twill_vdit.plan import Plan
from twill_vdit.running.judging import Judge, Judgement

# Reasons that somebody asked for; the others are told as warnings.
BY_PLAN = "the plan says so"
BY_PERCENT = "outside start and end percent"
BY_BLOCKS = "chosen as a dense block"
BY_MIN_TOKENS = "fewer tokens than min tokens"
DENSE_PLAN = "it is dense at all t"
ASKED_FOR = {BY_PLAN, BY_PERCENT, BY_BLOCKS, BY_MIN_TOKENS}


@dataclass
class Report:
    """Counts of one sampling run. Several threads may count at once.

    Attributes:
        plan: its name.
        model: in words.
        settings: in words.
        clip: its layout in words.
        adapted: how the plan was fitted to the clip; empty where that was not asked for.
        sparse: calls by the plan.
        dense: reason -> calls.
        cells: executed, in units of one dense head of a call.
        dense_cells: what dense attention executes.
        attention_seconds: on CPUs only: elsewhere calls return before they are done.
        seconds: of the run.
        forwards: of the network.
        highest_t: of the forwards.
        lowest_t: of the forwards.
        why_no_part: why no call ran by the plan; empty where some did.
        notes: what the user should know besides.
        heads_with_keys: of the calls by the plan, where it is not dense, call by call.
        int8_heads: of those, computed in INT8.
        not_int8: reason -> of those, how many the plan wants in INT8 and were computed as bf16.
        forms: form of attention, with why it was chosen -> calls by the plan.
        judged: the plan beside the host's attention; None where nothing was compared.
        against: what the host's attention is called; empty where no call was its or the plan's.
        why_not_judged: why there is nothing in judged.
    """

    plan: str = ""
    model: str = ""
    settings: str = ""
    clip: str = ""
    adapted: str = ""  # how the plan was fitted to the clip; empty where that was not asked for
    sparse: int = 0
    dense: Counter[str] = field(default_factory=Counter)  # reason -> calls
    cells: float = 0.0  # executed, in units of one dense head of a call
    dense_cells: float = 0.0
    attention_seconds: float = 0.0  # on CPUs only: elsewhere calls return before they are done
    seconds: float = 0.0
    forwards: int = 0
    highest_t: float = 0.0  # of the forwards
    lowest_t: float = 1.0
    why_no_part: str = ""  # why no call ran by the plan; empty where some did
    notes: list[str] = field(default_factory=list)
    heads_with_keys: int = 0
    int8_heads: int = 0
    not_int8: Counter[str] = field(default_factory=Counter)
    forms: Counter[str] = field(default_factory=Counter)
    judged: Judgement | None = None
    against: str = ""
    why_not_judged: str = ""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._begin = time.perf_counter()

    def count_sparse(self, cells: float, dense_cells: float, seconds: float) -> None:
        """One call by the plan. cells: executed; dense_cells: of the same call, dense."""
        with self._lock:
            self.sparse += 1
            self.cells += cells
            self.dense_cells += dense_cells
            self.attention_seconds += seconds

    def count_precision(self, int8: int, with_keys: int, why_not: str) -> None:
        """Of one call by the plan: heads that it wants in INT8, those with keys, and why the former are in bf16."""
        with self._lock:
            self.heads_with_keys += with_keys
            if why_not and int8:
                self.not_int8[why_not] += int8
            else:
                self.int8_heads += int8

    def count_form(self, form: str) -> None:
        """Of one call by the plan: the form of attention, and why that."""
        with self._lock:
            self.forms[form] += 1

    def judge(self, judge: Judge) -> None:
        """What the calls of the run show, once it is over."""
        self.against = judge.against
        try:
            self.judged = judge.judgement()
        except RuntimeError as error:  # a device that answers with an error; the sampler has heard of it
            self.why_not_judged = f"the device did not say the times ({type(error).__name__})"
        if self.judged is None:
            self.why_not_judged = self.why_not_judged or judge.why_not()

    def count_dense(self, reason: str, dense_cells: float, seconds: float = 0.0) -> None:
        """One call that ran dense, for this reason."""
        with self._lock:
            self.dense[reason] += 1
            self.cells += dense_cells
            self.dense_cells += dense_cells
            self.attention_seconds += seconds

    def count_taken(self, reason: str, calls: int, dense_cells: float) -> None:
        """Calls of one forward that never came, as something else attended. dense_cells: of each of them, dense."""
        with self._lock:
            if calls > 0:
                self.dense[reason] += calls
                self.cells += calls * dense_cells
                self.dense_cells += calls * dense_cells

    def count_forward(self, t: float) -> None:
        """One forward of the network, at this t."""
        with self._lock:
            self.forwards += 1
            self.highest_t, self.lowest_t = max(self.highest_t, t), min(self.lowest_t, t)

    def note(self, text: str) -> None:
        """A sentence for the user, told once."""
        with self._lock:
            if text and text not in self.notes:
                self.notes.append(text)

    def finish(self, plan: Plan | None = None) -> None:
        """The run is over. plan: as it ran at the end."""
        if plan is not None and self.calls and not self.sparse:
            self.why_no_part = self._why_no_part(plan)
        self.seconds = time.perf_counter() - self._begin

    def _why_no_part(self, plan: Plan) -> str:
        if set(self.dense) != {BY_PLAN}:
            against = max(self.fallbacks or self.dense, key=lambda reason: self.dense[reason])
            return f"all {self.calls} calls ran dense, {self.dense[against]} of them: {against}"
        sparse = [segment for segment in plan.segments if not segment.dense]
        if not sparse:
            return DENSE_PLAN
        begin, end = sparse[0].t_begin, sparse[-1].t_end
        first, last = f"{self.highest_t:.4g}", f"{self.lowest_t:.4g}"
        if end < self.lowest_t:
            return f"its sparse segments end at t {end:.4g}, and the run's last step is at t {last}"
        return (
            f"its sparse segments stand at t {begin:.4g} to {end:.4g}, and the run's steps, at t {first} to {last}, "
            "are all outside of them"
        )

    @property
    def calls(self) -> int:
        """Calls of self-attention, sparse and dense."""
        return self.sparse + sum(self.dense.values())

    @property
    def density(self) -> float:
        """Executed cells over dense's, over all calls."""
        return self.cells / self.dense_cells if self.dense_cells else 1.0

    @property
    def fallbacks(self) -> dict[str, int]:
        """Reason -> calls that ran dense and were not asked to."""
        return {reason: calls for reason, calls in self.dense.items() if reason not in ASKED_FOR}

    def as_dict(self) -> dict[str, Any]:
        """The numbers, for machines."""
        return {
            "plan": self.plan,
            "model": self.model,
            "clip": self.clip,
            "settings": self.settings,
            "adapted": self.adapted,
            "forwards": self.forwards,
            "sparse_calls": self.sparse,
            "dense_calls": dict(self.dense),
            "density": self.density,
            "plan_took_part": not self.why_no_part,
            "why_plan_took_no_part": self.why_no_part or None,
            "seconds": self.seconds,
            "attention_seconds": self.attention_seconds,
            "notes": list(self.notes),
            "heads_with_keys": self.heads_with_keys,
            "int8_heads": self.int8_heads,
            "int8_as_bf16": dict(self.not_int8),
            "forms": dict(self.forms),
            "judged": asdict(self.judged) if self.judged else None,
            "why_not_judged": self.why_not_judged if self.sparse else None,
        }

    def precision_text(self) -> str:
        """How many heads ran in INT8, and what was in the way of others; empty for a plan without such heads."""
        if not self.int8_heads and not self.not_int8:
            return ""
        parts = [f"int8: {self.int8_heads} of {self.heads_with_keys} heads"]
        parts += [
            f"{heads} that the plan wants in int8 were computed as bf16: {reason}"
            for reason, heads in sorted(self.not_int8.items())
        ]
        return "; ".join(parts)

    def attention_text(self) -> str:
        """Which form ran the plan, and how it did against the host's attention; empty where none ran."""
        if not self.forms:
            return ""
        text = f"attention: {'; '.join(self.forms)}"
        if self.judged is not None:
            return f"{text}; judged against {self.judged.text()}"
        return f"{text}; not judged against {self.against}: {self.why_not_judged}" if self.against else text

    def slower_text(self) -> str:
        """A sentence where the plan is slower than the host's attention, else empty."""
        if self.judged is None or not self.judged.is_slower:
            return ""
        return (
            f"Attention by the plan is slower here than {self.judged.text()}. A lower speed-quality may be faster; "
            "otherwise leave the plan out."
        )

    def text(self) -> str:
        """The report in lines."""
        lines = [f"plan: {self.plan}", f"model: {self.model}; {self.clip}", f"settings: {self.settings}"]
        lines += [self.adapted] * bool(self.adapted)
        lines.append(
            f"{self.sparse} of {self.calls} self-attention calls ran sparse in {self.forwards} forwards; "
            f"density {self.density:.3f} of all of them"
        )
        seconds = f"{self.seconds:.1f} s of sampling"
        if self.attention_seconds:
            seconds += f", {self.attention_seconds:.1f} s of it attention"
        lines.append(seconds)
        lines += filter(None, [self.attention_text(), self.slower_text(), self.precision_text()])
        lines += [f"{calls} dense: {reason}" for reason, calls in sorted(self.dense.items())]
        if self.why_no_part:
            lines.append(f"the plan took no part: {self.why_no_part}")
        elif self.sparse and self.dense.keys() <= {BY_PLAN}:
            lines.append("nothing fell back to dense")
        return "\n".join(lines + self.notes)

    def trouble(self) -> str:
        """What went against the plan; empty when nothing did."""
        parts = [f"{calls} calls: {reason}" for reason, calls in sorted(self.fallbacks.items())]
        text = "; ".join(parts + self.notes)
        return f"Attention ran dense against the plan. {text}" if parts else text

    def warning(self) -> str:
        """Empty when all went as asked, else what the user should know, in sentences."""
        # Who chose dense blocks, or a plan that is dense by itself, expects no more; min tokens may be nobody's wish.
        told = set(self.dense) <= {BY_PLAN, BY_MIN_TOKENS}
        idle = self.why_no_part and told and self.why_no_part != DENSE_PLAN
        why_idle = f"The plan took no part: {self.why_no_part}." if idle else ""
        return " ".join(filter(None, [self.trouble(), why_idle, self.slower_text()]))
