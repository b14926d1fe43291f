# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Forms of attention timed on a CUDA device: quickly, without a trace, and as a longer measurement finds them."""

import time
import warnings

import pytest
import torch
from test_running import LAYERS, Host, run_of

import plan_texts
import twill_vdit
from attention_cases import LAYOUTS, PATTERNS
from binary_kernels import why_no_kernel
from twill_vdit import backends, choosing, form_timing, kept_timings, native, sparse_attention
from twill_vdit.running import judging
from twill_vdit.runtime_kernels import launching

pytestmark = pytest.mark.skipif(why_no_kernel() != "", reason=why_no_kernel() or "it runs")
GPU = torch.device("cuda", 0)
BF16 = torch.bfloat16
HEAD_DIMS = (64, 96, 128, 256)


@pytest.fixture(autouse=True)
def a_card_nobody_measured(monkeypatch, tmp_path):
    """With nothing kept; what is timed here is not this process's choice afterwards."""
    monkeypatch.setenv("TWILL_CACHE", str(tmp_path))
    monkeypatch.setenv("TWILL_CHOICE", "measure")
    native.say_once.cache_clear()
    backends.forget_choices()
    choosing.forget()
    yield tmp_path
    backends.forget_choices()
    choosing.forget()


def forms_of(head_dim, flex=False):
    """What runs, without FlexAttention unless it is wanted: compiling it takes long."""
    call = backends.Call(GPU, BF16, head_dim)
    running = [backend for backend in backends.BACKENDS if not backend.why_not(call)]
    return [form for form in backends._forms(running, call) if flex or form.backend != "flex"]


@pytest.mark.parametrize("head_dim", HEAD_DIMS)
def test_timing_takes_some_ten_milliseconds(head_dim):
    forms = forms_of(head_dim)
    form_timing.time_forms(forms, GPU, BF16, head_dim)  # loads what has to be
    seconds = []
    for _ in range(3):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        found = form_timing.time_forms(forms, GPU, BF16, head_dim)
        seconds.append(time.perf_counter() - begin)
    print(f"head_dim {head_dim}: {1e3 * min(seconds):.1f} ms for {found}")
    assert min(seconds) < 0.05


@pytest.mark.parametrize("head_dim", HEAD_DIMS)
def test_what_is_chosen_is_the_fastest_of_a_longer_measurement(head_dim, monkeypatch):
    forms = forms_of(head_dim)
    subject = kept_timings.Subject("this card", 0, "", "", "bfloat16", head_dim, tuple(form.name for form in forms))
    verdict = choosing.decide(forms, subject, lambda forms: form_timing.time_forms(forms, GPU, BF16, head_dim))
    monkeypatch.setattr(form_timing, "_ITEMS_A_MULTIPROCESSOR", 32)
    monkeypatch.setattr(form_timing, "BUDGET_MS", 1000.0)
    longer = form_timing.time_forms(forms, GPU, BF16, head_dim)
    print(f"head_dim {head_dim}: {verdict.because}; {verdict.int8_because}; longer: {longer}")
    in_bf16 = [longer[form.name] for form in forms if not form.is_int8]
    assert longer[verdict.form.name] <= 1.08 * min(in_bf16)
    int8 = [longer[form.name] for form in forms if form.is_int8]
    if int8 and verdict.int8 is not None:
        assert longer[verdict.int8.name] <= 1.08 * min(in_bf16)
    elif int8:
        assert min(int8) >= 0.92 * min(in_bf16)


def test_flexattention_is_timed_with_the_kernels():
    if "flex" not in [form.backend for form in forms_of(128, flex=True)]:
        pytest.skip("FlexAttention does not run here")
    forms = forms_of(128, flex=True)
    found = form_timing.time_forms(forms, GPU, BF16, 128)
    print(found)
    assert all(found[form.name] is not None for form in forms)


def test_nothing_of_it_is_left_on_the_device():
    forms = forms_of(128)
    form_timing.time_forms(forms, GPU, BF16, 128)
    states = torch.get_rng_state(), torch.cuda.get_rng_state()
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    form_timing.time_forms(forms, GPU, BF16, 128)
    assert torch.cuda.memory_allocated() == before
    assert torch.cuda.max_memory_allocated() - before < 256 << 20
    assert torch.equal(states[0], torch.get_rng_state()) and torch.equal(states[1], torch.cuda.get_rng_state())


@pytest.fixture
def plan():
    return twill_vdit.parse_plan(plan_texts.plan_text([list(PATTERNS.values())], dense_above=0.9), "made.json")


def tensors(layout):
    return [torch.randn(1, len(PATTERNS), layout.tokens, 64, device="cuda", dtype=BF16) for _ in "qkv"]


def test_a_graph_that_is_captured_first_is_not_disturbed(plan, a_card_nobody_measured, monkeypatch):
    layout = LAYOUTS["text_behind"]
    compiled = twill_vdit.compile_plan(plan, layout)
    q, k, v = tensors(layout)
    # FlexAttention would be compiled for the first timing; it is not what this is about.
    monkeypatch.setattr(backends.flex, "why_not", lambda *call: "left out by the test")
    asked = twill_vdit.compile_plan(plan, layout, backend="native_cuda")
    expected = sparse_attention(q, k, v, asked, layer=0, segment=0)
    for wants_int8 in (True, False):
        backends.cuda.device_plan_of(compiled, GPU, wants_int8)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out = sparse_attention(q, k, v, compiled, layer=0, segment=0)
    assert list(a_card_nobody_measured.glob(f"*{kept_timings.SUFFIX}")) == []
    graph.replay()
    torch.testing.assert_close(out, expected, rtol=2e-2, atol=2e-2)
    eager = sparse_attention(q, k, v, compiled, layer=0, segment=0)
    assert len(list(a_card_nobody_measured.glob(f"*{kept_timings.SUFFIX}"))) == 1
    torch.testing.assert_close(eager, expected, rtol=2e-2, atol=2e-2)
    graph.replay()
    torch.testing.assert_close(out, expected, rtol=2e-2, atol=2e-2)


def test_without_memory_the_order_holds():
    call = backends.Call(GPU, BF16, 128)
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(GPU).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + (8 << 20)) / total)
    try:
        with pytest.warns(UserWarning, match="there was no memory to time them"):
            choice = backends.choose(call)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert choice.because == "by order; there was no memory to time them"
    torch.randn(1 << 22, device="cuda").sum().item()  # the device goes on


def test_a_run_is_judged_without_waiting_for_the_device(monkeypatch):
    monkeypatch.setenv("TWILL_CHOICE", "order")
    monkeypatch.setattr(judging, "LEAST_TOKENS", 1)
    host = Host(run_of(may_ask_dense=True))
    host.x = host.x.to("cuda", BF16)
    host.forward(0.5)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(3):
            host.forward(0.5)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    report = host.run.finish()
    print(report.text())
    assert host.run.broken == ""
    assert host.dense_calls == 2 and report.judged.calls == LAYERS
    assert 0 < report.judged.sparse_ms < 100 and 0 < report.judged.dense_ms < 100


@pytest.mark.skipif(
    torch.cuda.is_available() and launching.driver.card(GPU) != "NVIDIA H200", reason="of the H200 the rules speak"
)
def test_the_rules_of_an_h200_hold_and_agree_with_a_timing(monkeypatch):
    monkeypatch.delenv("TWILL_CHOICE")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ruled = {head_dim: backends.choose(backends.Call(GPU, BF16, head_dim)) for head_dim in HEAD_DIMS}
    assert [choice.name for choice in ruled.values()] == [
        "native_cuda hopper 3",
        "native_cuda portable 2 + int8 2",
        "native_cuda hopper 3",
        "native_cuda portable 2",
    ]
    assert all(choice.because.startswith("by rule") for choice in ruled.values())
    monkeypatch.setenv("TWILL_CHOICE", "measure")
    for head_dim in (64, 128):
        forms = forms_of(head_dim)
        names = tuple(form.name for form in forms)
        subject = kept_timings.Subject("NVIDIA H200", 90, "", "", "bfloat16", head_dim, names)
        timed = choosing.decide(
            forms, subject, lambda forms, head_dim=head_dim: form_timing.time_forms(forms, GPU, BF16, head_dim)
        )
        print(head_dim, timed.because, timed.int8_because)
        assert (timed.form.kernel, timed.int8) == ("hopper 3", None)
