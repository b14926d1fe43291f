# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A plan beside the host's own attention: which calls are timed, what is called for it, and what the report says."""

import threading
from dataclasses import replace

import pytest
import torch
from test_running import GRID, HEADS, LAYERS, Host, always_worth_it, run_of  # noqa: F401

from twill_vdit import running
from twill_vdit.running import judging
from twill_vdit.running.judging import Judge, Judgement
from twill_vdit.running.report import Report

CALL = running.AttentionCall(*torch.zeros(3, 1, HEADS, 2048, 64))


class FakeSpan:
    """Takes the time that the clock says."""

    def __init__(self, clock):
        self.is_over, self._clock = False, clock

    def end(self):
        self.is_over, self._took = True, self._clock.took

    def milliseconds(self):
        return self._took


class FakeClock:
    """took: milliseconds of what ends now; begun: spans so far."""

    def __init__(self):
        self.took, self.begun = 1.0, 0

    def __call__(self, device):
        self.begun += 1
        return FakeSpan(self)


@pytest.fixture
def clock(monkeypatch):
    made = FakeClock()
    monkeypatch.setattr(judging, "span_on", made)
    return made


def timed(clock, span, took):
    if span is not None:
        clock.took = took
        span.end()
    return span is not None


def test_the_first_call_of_a_site_and_the_first_dense_one_are_not_timed(clock):
    judge = Judge()
    assert not timed(clock, judge.sparse(CALL, (0, 0), 0, 0.5), 90.0)
    assert timed(clock, judge.sparse(CALL, (0, 0), 0, 0.5), 2.0)
    assert not timed(clock, judge.sparse(CALL, (0, 0), 0, 0.5), 90.0), "once for a site and segment"
    assert timed(clock, judge.sparse(CALL, (0, 0), 1, 0.3), 1.0)
    assert not timed(clock, judge.dense(CALL), 90.0)
    for took in (6.0, 60.0, 6.0, 6.0, 6.0):
        assert timed(clock, judge.dense(CALL), took)
    assert not timed(clock, judge.dense(CALL), 90.0)
    judge.against = "ComfyUI's attention_pytorch"
    found = judge.judgement()
    assert (found.times_as_fast, found.density, found.calls) == (pytest.approx(4.0), pytest.approx(0.4), 2)
    assert found.text() == ("ComfyUI's attention_pytorch: 4.00x at density 0.40 (1.5 ms a call, 6 ms without the plan)")


def test_the_hosts_attention_is_called_once_where_it_never_runs(clock):
    judge, calls = Judge(), []

    def dense():
        calls.append(1)
        clock.took = 8.0

    for _ in range(3):
        for layer in range(2):
            judge.ask_dense(CALL, (0, layer), dense)
            timed(clock, judge.sparse(CALL, (0, layer), 0, 0.5), 2.0)
    assert len(calls) == 1
    assert judge.judgement().times_as_fast == pytest.approx(4.0)


def test_it_is_not_called_where_it_runs(clock):
    judge = Judge()
    for _ in range(2):
        timed(clock, judge.dense(CALL), 8.0)
        judge.ask_dense(CALL, (0, 1), lambda: pytest.fail("called for nothing"))
        timed(clock, judge.sparse(CALL, (0, 1), 0, 0.5), 2.0)
    assert judge.judgement().times_as_fast == pytest.approx(4.0)


def test_what_it_raises_is_told_and_not_raised(clock):
    judge, calls = Judge(), []

    def dense():
        calls.append(1)
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    for _ in range(4):
        judge.ask_dense(CALL, (0, 0), dense)
        timed(clock, judge.sparse(CALL, (0, 0), 0, 0.5), 2.0)
    assert len(calls) == 1 and judge.judgement() is None
    assert judge.why_not() == "it failed when it was asked for comparison (OutOfMemoryError)"


@pytest.mark.parametrize(
    ("call", "why_not"),
    [
        pytest.param(
            running.AttentionCall(*torch.zeros(3, 1, HEADS, 1023, 64)),
            "its calls have fewer than 1,024 tokens",
            id="short",
        ),
        pytest.param(replace(CALL, masked=True), "too few calls ran by the plan", id="masked"),
        pytest.param(replace(CALL, grouped=True), "too few calls ran by the plan", id="grouped"),
    ],
)
def test_other_calls_are_not_compared(clock, call, why_not):
    judge = Judge()
    for _ in range(3):
        judge.ask_dense(call, (0, 0), lambda: pytest.fail("called for nothing"))
        assert judge.sparse(call, (0, 0), 0, 0.5) is None and judge.dense(call) is None
    assert (judge.judgement(), judge.why_not(), clock.begun) == (None, why_not, 0)


def test_nothing_is_timed_while_a_graph_is_captured(clock, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    assert not judging.can_be_timed(torch.device("cuda", 0))
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
    assert judging.can_be_timed(torch.device("cuda", 0))
    assert not judging.can_be_timed(torch.device("meta"))


def test_calls_of_other_shapes_are_compared_with_their_own(clock):
    judge = Judge()
    longer = running.AttentionCall(*torch.zeros(3, 1, HEADS, 4096, 64))
    for _ in range(2):
        for call, dense, sparse in ((CALL, 8.0, 4.0), (longer, 32.0, 16.0)):
            timed(clock, judge.dense(call), dense)
            timed(clock, judge.sparse(call, (0, 0), 0, 0.5), sparse)
    assert judge.judgement().times_as_fast == pytest.approx(2.0)


def test_a_call_that_fails_does_not_count(clock):
    judge = Judge()
    for _ in range(2):
        timed(clock, judge.dense(CALL), 8.0)
        for layer in range(2):
            span = judge.sparse(CALL, (0, layer), 0, 0.5)
            timed(clock, span if layer else None, 2.0)
    assert judge.judgement().calls == 1


def judged(times):
    return Judgement("ComfyUI's attention_sage", times, 0.4, 10.0, 10.0 * times, 6)


@pytest.mark.parametrize(
    ("dense_ms", "shown"), [(0.512, "0.512 ms"), (25.44, "25.4 ms"), (1234.5, "1,234 ms"), (99.96, "100 ms")]
)
def test_milliseconds_are_shown_in_three_digits_or_whole(dense_ms, shown):
    assert f", {shown} without the plan" in Judgement("x", 1.0, 0.4, 10.0, dense_ms, 1).text()


def test_a_slower_plan_is_a_warning():
    report = Report(judged=judged(0.8))
    report.count_form("native_cuda portable 2 (by order)")
    sentence = (
        "Attention by the plan is slower here than ComfyUI's attention_sage: 0.80x at density 0.40 (10 ms a call, 8 ms "
        "without the plan). A lower speed-quality may be faster; otherwise leave the plan out."
    )
    assert report.warning() == sentence and report.trouble() == ""
    assert sentence in report.text().splitlines()


@pytest.mark.parametrize("times", [0.98, 3.1])
def test_a_plan_that_is_as_fast_is_none(times):
    report = Report(judged=judged(times))
    report.count_form("native_cuda portable 2 + int8 1 (measured on this card: 1.4 times as fast as flex)")
    assert report.warning() == ""
    line = (
        "attention: native_cuda portable 2 + int8 1 (measured on this card: 1.4 times as fast as flex); judged against "
        f"ComfyUI's attention_sage: {times:.2f}x at density 0.40 (10 ms a call, {10 * times:.3g} ms without the plan)"
    )
    assert line in report.text().splitlines()
    assert report.as_dict()["judged"]["times_as_fast"] == times


def test_a_device_that_does_not_say_the_times_is_borne():
    class Broken(Judge):
        def judgement(self):
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

    report = Report()
    broken = Broken()
    broken.against = "ComfyUI's attention_pytorch"
    report.judge(broken)
    report.count_form("eager (by order)")
    assert report.attention_text() == (
        "attention: eager (by order); not judged against ComfyUI's attention_pytorch: the device did not say the times "
        "(RuntimeError)"
    )


def forwards(host, count=3):
    for _ in range(count):
        host.forward(0.5)
    return host.run.finish()


@pytest.fixture
def short_calls_too(monkeypatch):
    monkeypatch.setattr(judging, "LEAST_TOKENS", 1)


def test_a_hosts_run_is_judged(short_calls_too):
    run = run_of(may_ask_dense=True)
    host = Host(run)
    report = forwards(host)
    assert host.dense_calls == 1 and report.dense == {} and report.sparse == 3 * LAYERS
    assert report.judged.calls == LAYERS and report.judged.against == "the attention without a plan"
    assert report.judged.density == pytest.approx(report.density)
    assert report.judged.dense_ms > 0 and report.judged.sparse_ms > 0
    (form,) = report.forms
    assert report.forms[form] == 3 * LAYERS and "(by order)" in form


def test_a_host_with_a_state_is_called_no_more_often_than_it_is(short_calls_too):
    host = Host(run_of())
    report = forwards(host)
    assert host.dense_calls == 0 and report.judged is None
    assert "; not judged against the attention without a plan: it had no call of its own in this run" in report.text()


def test_calls_that_are_dense_anyway_are_what_is_compared_with(short_calls_too):
    host = Host(run_of(may_ask_dense=True, dense_blocks=frozenset({0})))
    report = forwards(host)
    assert host.dense_calls == 3 and report.judged.calls == LAYERS - 1


def test_seconds_of_attention_leave_out_what_was_asked_for_comparison(short_calls_too):
    run = run_of(may_ask_dense=True)
    waited = threading.Event()

    class Slow(Host):
        def forward(self, t):
            forward = running.Forward(t=t, grid=GRID, side=self.side)
            call = running.AttentionCall(*[self.x.transpose(1, 2)] * 3)

            def dense():
                waited.wait(0.3)
                return self.x

            for layer in range(LAYERS):
                read = (call, (0, layer), [0])
                self.run.serve(forward, lambda read=read: read, dense, lambda out, call: out.transpose(1, 2))

    report = forwards(Slow(run))
    assert report.judged.dense_ms >= 290
    assert report.attention_seconds < 0.29
