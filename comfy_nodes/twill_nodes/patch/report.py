# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What ran sparse and what did not, and why; written while sampling, told once at its end."""

import logging
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

log = logging.getLogger("twill")

# Reasons that somebody asked for; the others are told as warnings.
BY_PLAN = "the plan says so"
BY_PERCENT = "outside start and end percent"
BY_BLOCKS = "chosen as a dense block"
BY_MIN_TOKENS = "fewer tokens than min tokens"
ASKED_FOR = {BY_PLAN, BY_PERCENT, BY_BLOCKS, BY_MIN_TOKENS}


@dataclass
class Report:
    """Counts of one sampling run. Several threads may count at once."""

    plan: str = ""
    model: str = ""
    settings: str = ""
    clip: str = ""
    adapted: str = ""  # how the plan was fitted to the clip; empty where that was not asked for
    sparse: int = 0
    dense: Counter = field(default_factory=Counter)  # reason -> calls
    cells: float = 0.0  # executed, in units of one dense head of a call
    dense_cells: float = 0.0
    attention_seconds: float = 0.0  # on CPUs only: elsewhere calls return before they are done
    seconds: float = 0.0
    forwards: int = 0
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._begin = time.perf_counter()

    def count_sparse(self, cells: float, dense_cells: float, seconds: float) -> None:
        with self._lock:
            self.sparse += 1
            self.cells += cells
            self.dense_cells += dense_cells
            self.attention_seconds += seconds

    def count_dense(self, reason: str, dense_cells: float, seconds: float = 0.0) -> None:
        with self._lock:
            self.dense[reason] += 1
            self.cells += dense_cells
            self.dense_cells += dense_cells
            self.attention_seconds += seconds

    def count_forward(self) -> None:
        with self._lock:
            self.forwards += 1

    def note(self, text: str) -> None:
        with self._lock:
            if text and text not in self.notes:
                self.notes.append(text)

    def finish(self) -> None:
        self.seconds = time.perf_counter() - self._begin

    @property
    def calls(self) -> int:
        return self.sparse + sum(self.dense.values())

    @property
    def density(self) -> float:
        return self.cells / self.dense_cells if self.dense_cells else 1.0

    @property
    def fallbacks(self) -> dict[str, int]:
        return {reason: calls for reason, calls in self.dense.items() if reason not in ASKED_FOR}

    def as_dict(self) -> dict:
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
            "seconds": self.seconds,
            "attention_seconds": self.attention_seconds,
            "notes": list(self.notes),
        }

    def text(self) -> str:
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
        lines += [f"{calls} dense: {reason}" for reason, calls in sorted(self.dense.items())]
        if not self.fallbacks:
            lines.append("nothing fell back to dense")
        return "\n".join(lines + self.notes)

    def warning(self) -> str:
        """Empty when all went as asked, else one sentence."""
        parts = [f"{calls} calls: {reason}" for reason, calls in sorted(self.fallbacks.items())]
        text = "; ".join(parts + self.notes)
        return f"Attention ran dense against the plan. {text}" if parts else text
