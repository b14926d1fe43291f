# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Which of several forms of attention runs on a card: by a rule where they were measured, else timed once a card.

TWILL_CHOICE=order takes the first form that runs, and INT8 where it runs; TWILL_CHOICE=measure times again.
"""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from twill_vdit import card_rules, kept_timings, native
from twill_vdit.kept_timings import Milliseconds, Subject

VARIABLE = "TWILL_CHOICE"
ORDER, MEASURE = "order", "measure"
# Nearer than this two forms are alike: the earlier one runs, and heads are not rounded to 8 bits.
CLEARLY_FASTER = 1.03
TIMED_LATER = "by order; they are timed at the first use"


@dataclass(frozen=True)
class Form:
    """One way to compute attention on a device.

    Attributes:
        backend: its name.
        kernel: name and version; empty where the backend has one way only.
        asked: name of the kernel, where it is not the one that the backend takes by itself.
        is_int8: it computes the heads that a plan wants in INT8, and no others.
        follows_graphs: captured graphs of it follow a plan's time.
    """

    backend: str
    kernel: str = ""
    asked: str = ""
    is_int8: bool = False
    follows_graphs: bool = False

    @property
    def name(self) -> str:
        """For messages and kept timings."""
        return f"{self.backend} {self.kernel}".rstrip()


@dataclass(frozen=True)
class Verdict:
    """Which form runs.

    Attributes:
        form: of the heads in bf16, and of all others that are not in INT8.
        because: why, in words.
        int8: the form of heads that a plan wants in INT8; None: they are computed as the others.
        int8_because: why these are in INT8, or are not; empty where there is no such form.
        is_final: nothing is to be timed later.
        failed: backends that failed on this machine when they were timed.
    """

    form: Form
    because: str
    int8: Form | None = None
    int8_because: str = ""
    is_final: bool = True
    failed: frozenset[str] = frozenset()


# Times forms on the device that a verdict is about.
Timer = Callable[[Sequence[Form]], Milliseconds]

_lock = threading.RLock()
_timed: dict[Subject, "Milliseconds | str"] = {}  # in this process; a text says why there is no timing


def forget() -> None:
    """What this process knows of cards."""
    with _lock:
        _timed.clear()


def asked_for() -> str:
    """What TWILL_CHOICE says: "order", "measure" or nothing."""
    value = os.environ.get(VARIABLE, "")
    if value not in ("", ORDER, MEASURE):
        native.say_once(f"{VARIABLE} {value!r} is not one of {ORDER}, {MEASURE}; it is not heeded")
        return ""
    return value


def decide(
    forms: Sequence[Form],
    subject: Subject,
    timer: Timer | None,
    may_run: Callable[[Form], bool] = lambda form: True,
) -> Verdict:
    """The form that runs.

    Args:
        forms: that run on the card, best first by order; at least one that is not for INT8.
        subject: what a timing of them is of.
        timer: times them; None: not now, as a CUDA graph is being captured, or as nobody asked for attention yet.
        may_run: which of them are wanted this time; all are timed.

    Raises:
        CompileError: of the timer.
    """
    allowed = [form for form in forms if may_run(form) and not form.is_int8]
    first = allowed[0]
    int8 = next((form for form in forms if form.is_int8 and form.backend == first.backend), None)
    wish = asked_for()
    if wish == ORDER:
        return Verdict(first, f"by order, as {VARIABLE} says", int8, f"as {VARIABLE} says" if int8 else "")
    if len(allowed) == 1 and int8 is None:
        return Verdict(first, "nothing else runs there" if len(forms) == 1 else "by order")
    if wish != MEASURE and (ruled := _by_rule(allowed, int8, subject)):
        return ruled
    milliseconds = _milliseconds(forms, subject, timer, wish == MEASURE)
    if milliseconds is None:
        return Verdict(first, TIMED_LATER, int8, TIMED_LATER if int8 else "", is_final=False)
    if isinstance(milliseconds, str):
        return Verdict(first, f"by order; {milliseconds}", int8, f"by order; {milliseconds}" if int8 else "")
    return _by_timing(forms, allowed, milliseconds, subject.card)


def _by_rule(allowed: Sequence[Form], int8: Form | None, subject: Subject) -> Verdict | None:
    """None where a kernel that would run was not measured on such a card."""
    speeds = card_rules.speeds_on(subject.card, subject.head_dim)
    if any(form is not None and form.kernel not in speeds for form in (allowed[0], int8)):
        return None
    known = [form for form in allowed if form.kernel in speeds]
    took = {form.name: 1.0 / speeds[form.kernel].times_portable for form in (*known, *([int8] if int8 else []))}
    files = {form.name: speeds[form.kernel].file for form in (*known, *([int8] if int8 else []))}

    def source(*told: Form) -> str:
        return f"by rule, from {' and '.join(dict.fromkeys(files[form.name] for form in told))}"

    best = _fastest(known, took)
    others = [form for form in known if form is not best]
    because = (
        _compared(best, others, took, source(best, *others))
        if others
        else f"{source(best)}: the only one that was measured"
    )
    return _with_int8(best, because, int8, took, source(*([int8] if int8 else []), best))


def _by_timing(forms: Sequence[Form], allowed: Sequence[Form], milliseconds: Milliseconds, card: str) -> Verdict:
    took = {name: value for name, value in milliseconds.items() if value is not None}
    running = [form for form in allowed if form.name in took]
    failed = frozenset(form.backend for form in forms) - {form.backend for form in forms if form.name in took}
    if not running:
        return Verdict(allowed[0], "by order; none could be timed", failed=failed - {allowed[0].backend})
    best = _fastest(running, took)
    int8 = next((form for form in forms if form.is_int8 and form.backend == best.backend and form.name in took), None)
    others = [form for form in running if form is not best]
    source = f"measured on this {card}"
    because = _compared(best, others, took, source) if others else "nothing else runs there"
    return replace(_with_int8(best, because, int8, took, source), failed=failed)


def _fastest(forms: Sequence[Form], took: Mapping[str, float]) -> Form:
    """The first, unless another one is clearly faster."""
    best = min(forms, key=lambda form: took[form.name])
    return best if took[forms[0].name] > CLEARLY_FASTER * took[best.name] else forms[0]


def _compared(form: Form, others: Sequence[Form], took: Mapping[str, float], source: str) -> str:
    times = [f"{took[other.name] / took[form.name]:.2f} times as fast as {other.name}" for other in others]
    return f"{source}: {', '.join(times)}"


def _with_int8(form: Form, because: str, int8: Form | None, took: Mapping[str, float], source: str) -> Verdict:
    if int8 is None:
        return Verdict(form, because)
    ratio = took[form.name] / took[int8.name]
    if ratio > CLEARLY_FASTER:
        return Verdict(form, because, int8, f"{source}: {ratio:.2f} times as fast as {form.name}")
    return Verdict(form, because, None, f"{source}: {int8.name} is {ratio:.2f} times as fast as {form.name}")


def _milliseconds(
    forms: Sequence[Form], subject: Subject, timer: Timer | None, anew: bool
) -> "Milliseconds | str | None":
    """From this process, else from the disk, else timed now; a text says why that failed; None: not now."""
    with _lock:
        found: Milliseconds | str | None = _timed.get(subject)
        if found is None and not anew:
            found = kept_timings.read(subject)
        if found is None and timer is not None:
            found = _timed_now(forms, subject, timer)
        if found is not None:
            _timed[subject] = found
        return found


def _timed_now(forms: Sequence[Form], subject: Subject, timer: Timer) -> "Milliseconds | str":
    try:
        milliseconds = timer(forms)
    except UntimedError as error:
        native.say_once(f"twill_vdit takes the first form of attention that runs on {subject.card}: {error}")
        return str(error)
    kept_timings.write(subject, milliseconds)
    return milliseconds


class UntimedError(RuntimeError):
    """Forms cannot be timed now, in one sentence: too little memory, or a device that answers with an error."""
