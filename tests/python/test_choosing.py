# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Which of several forms of attention runs: by rule, by a timing that is kept, or by order where neither is had."""

import json
import multiprocessing
import os
import sys
import threading

import pytest

from twill_vdit import choosing, form_timing, kept_timings, native
from twill_vdit.card_rules import speeds_on
from twill_vdit.choosing import Form, UntimedError, decide
from twill_vdit.kept_timings import Subject
from twill_vdit.runtime_kernels import cache

HOPPER = Form("native_cuda", "hopper 3", follows_graphs=True)
PORTABLE = Form("native_cuda", "portable 2", "portable", follows_graphs=True)
COMPACT = Form("native_cuda", "compact 1", "compact", follows_graphs=True)
INT8 = Form("native_cuda", "int8 2", is_int8=True, follows_graphs=True)
FLEX = Form("flex")
ALL = [PORTABLE, COMPACT, INT8, FLEX]


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    monkeypatch.setenv("TWILL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TWILL_CHOICE", raising=False)
    choosing.forget()
    native.say_once.cache_clear()
    yield
    choosing.forget()


def subject(forms=ALL, card="A card", head_dim=128, **more):
    facts = {"capability": 89, "driver": "580.1", "torch": "2.13.0", "dtype": "bfloat16"}
    return Subject(card=card, head_dim=head_dim, forms=tuple(form.name for form in forms), **{**facts, **more})


class Timer:
    """Answers what it was given, and counts."""

    def __init__(self, *milliseconds):
        self.milliseconds = milliseconds
        self.times = 0

    def __call__(self, forms):
        self.times += 1
        return dict(zip((form.name for form in forms), self.milliseconds, strict=True))


def unasked(forms):
    raise AssertionError("it was to be known already")


@pytest.mark.parametrize(
    ("milliseconds", "form", "int8"),
    [
        pytest.param((1.0, 1.2, 0.8, 2.0), PORTABLE, INT8, id="int8_is_faster"),
        pytest.param((1.0, 1.2, 1.1, 2.0), PORTABLE, None, id="int8_is_slower"),
        pytest.param((1.0, 1.2, 0.98, 2.0), PORTABLE, None, id="int8_is_alike"),
        pytest.param((1.3, 1.0, 0.8, 2.0), COMPACT, INT8, id="a_lesser_kernel"),
        pytest.param((1.02, 1.0, 1.1, 2.0), PORTABLE, None, id="alike_so_the_first"),
        pytest.param((1.3, 1.2, 0.9, 0.5), FLEX, None, id="flexattention_which_has_no_int8"),
        pytest.param((None, 1.2, 0.9, 2.0), COMPACT, INT8, id="the_first_fails"),
        pytest.param((1.0, 1.2, None, None), PORTABLE, None, id="int8_fails"),
    ],
)
def test_what_is_timed_faster_runs(milliseconds, form, int8):
    verdict = decide(ALL, subject(), Timer(*milliseconds))
    assert (verdict.form, verdict.int8, verdict.is_final) == (form, int8, True)


def test_the_reason_has_the_numbers():
    verdict = decide(ALL, subject(), Timer(1.0, 1.42, 0.8, 2.0))
    assert verdict.because == (
        "measured on this A card: 1.42 times as fast as native_cuda compact 1, 2.00 times as fast as flex"
    )
    assert verdict.int8_because == "measured on this A card: 1.25 times as fast as native_cuda portable 2"
    slower = decide(ALL, subject(card="Another"), Timer(1.0, 1.42, 2.0, 2.0))
    assert slower.int8_because == (
        "measured on this Another: native_cuda int8 2 is 0.50 times as fast as native_cuda portable 2"
    )


def test_a_card_that_was_measured_has_a_rule():
    forms = [HOPPER, PORTABLE, COMPACT, INT8, FLEX]
    verdict = decide(forms, subject(forms, "NVIDIA H200"), unasked)
    assert (verdict.form, verdict.int8) == (HOPPER, None)
    assert verdict.because.startswith(
        "by rule, from hopper_h200.json and kernels_h200.json: 2.27 times as fast as native_cuda portable 2"
    )
    assert verdict.int8_because == (
        "by rule, from int8_h200.json and hopper_h200.json: "
        "native_cuda int8 2 is 0.64 times as fast as native_cuda hopper 3"
    )


def test_int8_runs_there_where_no_hopper_kernel_does():
    forms = [PORTABLE, COMPACT, INT8]
    verdict = decide(forms, subject(forms, "NVIDIA H200"), unasked)
    assert (verdict.form, verdict.int8) == (PORTABLE, INT8)
    faster = speeds_on("NVIDIA H200", 128)[INT8.kernel].times_portable
    assert f"{faster} times as fast as native_cuda portable 2" in verdict.int8_because


@pytest.mark.parametrize(
    "forms",
    [
        pytest.param([Form("native_cuda", "hopper 4"), PORTABLE], id="another_version"),
        pytest.param([HOPPER, PORTABLE, Form("native_cuda", "int8 3", is_int8=True)], id="int8_of_another_version"),
    ],
)
def test_a_rule_does_not_hold_for_kernels_that_have_changed(forms):
    timer = Timer(*[1.0] * len(forms))
    assert decide(forms, subject(forms, "NVIDIA H200"), timer).because.startswith("measured on this NVIDIA H200")
    assert timer.times == 1


def test_what_runs_alone_is_not_timed():
    assert decide([PORTABLE], subject([PORTABLE]), unasked).because == "nothing else runs there"
    assert decide([HOPPER, FLEX], subject([HOPPER, FLEX]), unasked, lambda form: form.follows_graphs).form is HOPPER


def test_graphs_have_the_fastest_form_that_follows_them():
    timer = Timer(1.3, 1.2, 0.9, 0.5)
    verdict = decide(ALL, subject(), timer, lambda form: form.follows_graphs)
    assert (verdict.form, verdict.int8) == (COMPACT, INT8)
    assert decide(ALL, subject(), unasked).form is FLEX, "all were timed at once"


def test_without_a_timer_it_is_the_order_until_later():
    verdict = decide(ALL, subject(), None)
    assert (verdict.form, verdict.int8, verdict.is_final) == (PORTABLE, INT8, False)
    assert verdict.because == verdict.int8_because == "by order; they are timed at the first use"
    assert decide(ALL, subject(), Timer(1.3, 1.0, 2.0, 2.0)).form is COMPACT
    assert decide(ALL, subject(), None).form is COMPACT, "known by now"


def test_what_cannot_be_timed_is_said_once_and_goes_by_order():
    calls = []

    def fails(forms):
        calls.append(forms)
        raise UntimedError("there was no memory to time them")

    with pytest.warns(UserWarning, match="the first form of attention that runs on A card: there was no memory"):
        verdict = decide(ALL, subject(), fails)
    assert (verdict.form, verdict.int8, verdict.is_final) == (PORTABLE, INT8, True)
    assert verdict.because == "by order; there was no memory to time them"
    assert decide(ALL, subject(), fails) == verdict and len(calls) == 1
    assert not kept_timings.file_of(subject()).exists()


def test_the_variable_takes_the_order_or_times_again(monkeypatch):
    decide(ALL, subject(), Timer(1.3, 1.0, 2.0, 2.0))
    monkeypatch.setenv("TWILL_CHOICE", "order")
    verdict = decide(ALL, subject(), unasked)
    assert (verdict.form, verdict.int8, verdict.because) == (PORTABLE, INT8, "by order, as TWILL_CHOICE says")
    monkeypatch.setenv("TWILL_CHOICE", "measure")
    choosing.forget()
    again = Timer(1.0, 1.3, 0.5, 2.0)
    assert decide(ALL, subject(), again).form is PORTABLE
    assert decide(ALL, subject(), unasked).form is PORTABLE and again.times == 1, "once in a process"
    forms = [HOPPER, PORTABLE]
    assert decide(forms, subject(forms, "NVIDIA H200"), Timer(2.0, 1.0)).form is PORTABLE, "no rule either"
    monkeypatch.setenv("TWILL_CHOICE", "fast")
    with pytest.warns(UserWarning, match="TWILL_CHOICE 'fast' is not one of order, measure"):
        assert decide(ALL, subject(), unasked).form is PORTABLE


def test_it_is_kept_for_the_next_process(monkeypatch):
    decide(ALL, subject(), Timer(1.3, 1.0, None, 2.0))
    choosing.forget()
    verdict = decide(ALL, subject(), unasked)
    assert (verdict.form, verdict.int8) == (COMPACT, None)
    kept = json.loads(kept_timings.file_of(subject()).read_text())
    assert kept["subject"]["card"] == "A card"
    assert kept["milliseconds"]["native_cuda int8 2"] is None


@pytest.mark.parametrize(
    "other",
    [
        subject(card="Another card"),
        subject(capability=90),
        subject(driver="581.0"),
        subject(torch="2.14.0"),
        subject(dtype="float32"),
        subject(head_dim=64),
        subject([PORTABLE, Form("native_cuda", "compact 2"), INT8, FLEX]),
    ],
    ids=["card", "capability", "driver", "torch", "dtype", "head_dim", "kernel"],
)
def test_another_machine_or_kernel_is_timed_by_itself(other):
    decide(ALL, subject(), Timer(1.3, 1.0, 2.0, 2.0))
    timer = Timer(1.0, 1.3, 2.0, 2.0)
    assert decide(ALL, other, timer).form is PORTABLE and timer.times == 1


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda text: text[: len(text) // 2], id="cut"),
        pytest.param(lambda text: "", id="empty"),
        pytest.param(lambda text: "[]", id="a_list"),
        pytest.param(lambda text: text.replace("1.3", "-1.3"), id="a_negative_time"),
        pytest.param(lambda text: text.replace("1.3", "true"), id="no_number"),
        pytest.param(lambda text: text.replace("A card", "B card"), id="of_another_card"),
        pytest.param(lambda text: text.replace('"flex": 2.0', '"flux": 2.0'), id="of_another_form"),
        pytest.param(lambda text: "[" * 10000, id="deep"),
    ],
)
def test_a_damaged_file_is_said_and_timed_again(spoil):
    decide(ALL, subject(), Timer(1.3, 1.0, 2.0, 2.0))
    file = kept_timings.file_of(subject())
    file.write_text(spoil(file.read_text()))
    choosing.forget()
    timer = Timer(1.0, 1.3, 2.0, 2.0)
    with pytest.warns(UserWarning, match="times its forms of attention again: .* is damaged"):
        assert decide(ALL, subject(), timer).form is PORTABLE
    choosing.forget()
    assert decide(ALL, subject(), unasked).form is PORTABLE, "the file is whole again"


def test_a_folder_that_takes_no_file_is_said_and_borne(monkeypatch, tmp_path):
    place = tmp_path / "file"
    place.write_text("in the folder's place")
    monkeypatch.setenv("TWILL_CACHE", str(place))
    with pytest.warns(UserWarning, match="times its forms of attention again in every process: .*file"):
        assert decide(ALL, subject(), Timer(1.3, 1.0, 2.0, 2.0)).form is COMPACT
    assert decide(ALL, subject(), unasked).form is COMPACT


def test_timings_and_compiled_kernels_do_not_push_each_other_out(monkeypatch):
    monkeypatch.setattr(cache, "_MOST_FILES", 2)
    for number in range(4):
        decide(ALL, subject(head_dim=number), Timer(1.0, 1.0, 1.0, 1.0))
        cache.put(cache.folder() / f"{number}{cache.SUFFIX}", b"code")
    assert len(list(cache.folder().glob(f"*{kept_timings.SUFFIX}"))) == 2
    assert len(list(cache.folder().glob(f"*{cache.SUFFIX}"))) == 2


def test_threads_time_once():
    timer = Timer(1.3, 1.0, 2.0, 2.0)
    found = []
    threads = [threading.Thread(target=lambda: found.append(decide(ALL, subject(), timer))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert timer.times == 1 and {verdict.form for verdict in found} == {COMPACT}


def _write_often(folder, number):
    os.environ["TWILL_CACHE"] = folder
    for turn in range(60):
        kept_timings.write(subject(), {form.name: 1.0 + number + turn for form in ALL})
        found = kept_timings.read(subject())
        if found is None or len(set(found.values())) != 1:
            sys.exit(1)


def test_processes_leave_a_whole_file(tmp_path):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write_often, args=(str(tmp_path / "cache"), number)) for number in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]


class Clock:
    """Each form takes as long as it is said; milliseconds stand in the names."""

    def __init__(self, took):
        self.took, self.rounds = took, []

    def milliseconds(self, runs):
        names = [run() for run in runs]
        self.rounds.append(names)
        return [self.took[name](len(self.rounds)) for name in names]


def timed(took):
    clock = Clock(
        {name: (value if callable(value) else lambda turn, value=value: value) for name, value in took.items()}
    )
    return form_timing.time_in_turns({name: (lambda name=name: name) for name in took}, clock), clock.rounds


def test_forms_take_turns_and_the_first_rounds_do_not_count():
    slow_at_first = {
        name: (lambda turn, value=value: value if turn > 3 else 9.0)
        for name, value in zip("ab", (2.0, 1.0), strict=True)
    }
    found, rounds = timed(slow_at_first)
    assert found == {"a": 2.0, "b": 1.0}
    assert rounds[:5] == [["a"], ["b"], ["a", "b"], ["a", "b"], ["b", "a"]]
    assert len(rounds) == 3 + form_timing.FEWEST_ROUNDS


def test_an_odd_round_does_not_decide():
    found, _ = timed({"a": lambda turn: 50.0 if turn == 5 else 1.0, "b": 1.1})
    assert found == {"a": 1.0, "b": 1.1}


def test_quick_forms_have_more_rounds_and_hopeless_ones_none():
    found, rounds = timed({"a": 0.5, "b": 0.7, "hopeless": 400.0})
    assert found == {"a": 0.5, "b": 0.7, "hopeless": 400.0}
    assert sum("hopeless" in names for names in rounds) == 2
    assert len(rounds) == 4 + form_timing.MOST_ROUNDS
    assert sum(len(names) for names in rounds[4:]) * 0.6 < form_timing.BUDGET_MS


def test_a_form_that_fails_is_left_out():
    def fails():
        raise RuntimeError("Failed to find C compiler.\nmore lines")

    runs = {"a": lambda: "a", "b": fails}
    assert form_timing.time_in_turns(runs, Clock({"a": lambda turn: 1.0})) == {"a": 1.0, "b": None}
    assert form_timing.time_in_turns({"b": fails}, Clock({})) == {"b": None}


def test_without_memory_nothing_is_timed():
    def fails():
        raise MemoryError

    with pytest.raises(UntimedError, match="there was no memory to time them"):
        form_timing.time_in_turns({"a": fails}, Clock({}))


def test_the_call_is_a_band_of_a_clips_size():
    runs, begin, positions = form_timing.band()
    tiles = form_timing.TOKENS // 64
    assert positions is None and len(begin) == form_timing.TOKENS // 128 + 1
    assert (runs[:, 0] >= 0).all() and (runs.sum(axis=1) <= tiles).all()
    assert runs[:, 1].sum() / (tiles * len(runs)) == pytest.approx(form_timing.DENSITY, abs=0.5 / tiles)
    # Each query tile sees itself.
    assert (runs[:, 0] <= 2 * begin[:-1]).all() and (2 * begin[:-1] < runs.sum(axis=1)).all()
