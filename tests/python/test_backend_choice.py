# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What the choice finds on a GPU: which forms are timed there, what is never timed, and what is said of it."""

import contextlib
import inspect
import types
import warnings

import pytest
import torch

import fake_gpu
import plan_texts
import twill_vdit
from attention_cases import LAYOUTS, PATTERNS
from twill_vdit import attention, backends, choosing, cuda, doctor, flex, form_timing, native
from twill_vdit.backends import Call, choose
from twill_vdit.choosing import UntimedError
from twill_vdit.runtime_kernels import compiling, launching

GPU = torch.device("cuda", 0)
BF16 = torch.bfloat16
CALL = Call(GPU, BF16, 128)
TIME_FORMS = form_timing.time_forms


class Machine:
    """A GPU as far as the choice can see.

    timed: forms of each timing; capturing: a CUDA graph is.
    """

    def __init__(self, monkeypatch, tmp_path):
        self.patch = monkeypatch
        self.driver = fake_gpu.FakeGpu()
        self.timed = []
        self.capturing = False
        self.milliseconds = {}
        monkeypatch.setenv("TWILL_CACHE", str(tmp_path / "cache"))
        monkeypatch.delenv("TWILL_CHOICE", raising=False)
        monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: self.capturing)
        monkeypatch.setattr(form_timing, "time_forms", self.time_forms)
        self.is_a("NVIDIA GeForce RTX 4090", 89)
        self.has()

    def is_a(self, card, capability):
        self.patch.setattr(self.driver, "card", lambda device: card, raising=False)
        self.patch.setattr(self.driver, "capability", lambda device: capability, raising=False)
        self.patch.setattr(launching, "driver", self.driver)

    def has(self, native_cuda="compact 1", runtime_cuda=False, flex_attention=True, int8=True):
        """native_cuda: its best kernel, empty for none."""
        why_not = "no kernel of the test"
        self.patch.setattr(native, "binary", native.binary or types.SimpleNamespace())
        self.patch.setattr(cuda, "kernel_of", lambda *call: native_cuda)
        self.patch.setattr(
            cuda,
            "why_not",
            lambda device, dtype, head_dim, scale, precision="bf16": (
                "" if native_cuda and (int8 or precision == "bf16") else why_not
            ),
        )
        self.patch.setattr(compiling, "why_not", lambda: "" if runtime_cuda else why_not)
        self.patch.setattr(launching, "_failure", "")
        self.patch.setattr(flex, "why_not", lambda *call: "" if flex_attention else why_not)
        backends.forget_choices()

    def time_forms(self, forms, device, dtype, head_dim):
        self.timed.append([form.name for form in forms])
        return {form.name: self.milliseconds.get(form.name, 1.0) for form in forms}


@pytest.fixture
def machine(monkeypatch, tmp_path):
    native.say_once.cache_clear()
    backends.forget_choices()
    choosing.forget()
    yield Machine(monkeypatch, tmp_path)
    backends.forget_choices()
    choosing.forget()


@pytest.mark.parametrize(
    ("capability", "has", "forms"),
    [
        pytest.param(89, {}, ["native_cuda compact 1", "native_cuda int8_compact 2", "flex"], id="ada"),
        pytest.param(
            80,
            {"native_cuda": "portable 2"},
            ["native_cuda portable 2", "native_cuda compact 1", "native_cuda int8 2", "flex"],
            id="ampere",
        ),
        pytest.param(
            90,
            {"native_cuda": "hopper 3", "runtime_cuda": True, "flex_attention": False},
            ["native_cuda hopper 3", "native_cuda portable 2", "native_cuda compact 1", "native_cuda int8 2"],
            id="hopper_with_cuda_core",
        ),
        pytest.param(
            120,
            {"native_cuda": "", "runtime_cuda": True, "flex_attention": False},
            ["runtime_cuda compact 1", "runtime_cuda int8_compact 2"],
            id="blackwell_without_the_binary",
        ),
        pytest.param(75, {"native_cuda": ""}, ["flex", "eager"], id="turing"),
    ],
)
def test_forms_that_run_are_timed_once(machine, capability, has, forms):
    machine.is_a("a card of the test", capability)
    machine.has(**has)
    for _ in range(2):
        choice = choose(CALL)
    assert machine.timed == [forms]
    assert f"{choice.backend.name} {choice.kernel}".rstrip() == forms[0]


def test_an_h200_is_not_timed_and_keeps_heads_in_bf16(machine):
    machine.is_a("NVIDIA H200", 90)
    machine.has("hopper 3", runtime_cuda=True)
    choice = choose(CALL)
    assert (choice.name, machine.timed) == ("native_cuda hopper 3", [])
    assert "by rule, from hopper_h200.json" in choice.because
    sentence = (
        r"computes the 3 int8 heads of the plan as bf16: bf16 is faster here \(by rule, from int8_h200.json and "
        r"hopper_h200.json: native_cuda int8 2 is 0.64 times as fast as native_cuda hopper 3\)"
    )
    with pytest.warns(UserWarning, match=sentence):
        backends.say_why_not_int8(choice, CALL, 3)
    assert not twill_vdit.has_int8_kernel(GPU, BF16, 128)


def test_the_kernel_that_was_found_is_asked_for(machine):
    machine.is_a("an A100 of the test", 80)
    machine.has("portable 2")
    machine.milliseconds = {"native_cuda compact 1": 0.5, "native_cuda int8 2": 0.4}
    choice = choose(CALL)
    assert choice.wish == backends.Wish("compact", True)
    assert choice.name == "native_cuda compact 1 + int8 2"
    assert backends.why_not_int8(choice, CALL) == ""
    asked = []
    machine.patch.setattr(cuda, "device_plan_of", lambda plan, device, wants_int8: (asked.append(wants_int8), None)[1])
    machine.patch.setattr(backends, "_run_on_words", lambda *given: asked.append(given[-1]))
    choice.run(*(torch.zeros(1) for _ in "qkv"), None, backends.Place(0, 0, 0, 0), 1.0)
    assert asked == [True, "compact"]


def test_without_int8_the_kernels_best_is_not_named(machine):
    machine.milliseconds = {"native_cuda int8_compact 2": 3.0}
    choice = choose(CALL)
    assert choice.wish == backends.Wish("", False)
    assert choice.name == "native_cuda compact 1"


def test_a_faster_flexattention_is_no_trouble_but_graphs_have_a_kernel(machine):
    machine.milliseconds = {"flex": 0.4}
    choice = choose(CALL)
    assert choice.backend.name == "flex" and not choice.backend.follows_graphs
    assert dict(choice.passed_over)["native_cuda"] == "another form is faster here"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        backends.say_why_not_native(choice, CALL)
    in_graph = choose(CALL, in_graph=True)
    assert in_graph.backend.name == "native_cuda" and len(machine.timed) == 1
    assert twill_vdit.has_kernel(GPU, BF16, 128)
    assert backends.why_not_int8(choice, CALL) == "there is no INT8 in FlexAttention of torch, compiled with Triton"


def test_what_fails_when_it_is_timed_is_told(machine):
    """In the next process too, which finds it in the kept timing."""
    machine.is_a("a card of the test", 75)
    machine.has("")
    machine.milliseconds = {"flex": None}
    for _ in range(2):
        choice = choose(CALL)
        assert choice.backend.name == "eager"
        assert dict(choice.passed_over)["flex"] == "it failed here when it was timed"
        with pytest.warns(UserWarning, match="on cuda through plain torch: no kernel of the test"):
            backends.say_why_not_native(choice, CALL)
        backends.forget_choices()
        choosing.forget()
        native.say_once.cache_clear()
    assert len(machine.timed) == 1


def test_plain_torch_that_is_faster_than_flexattention_is_told_too(machine):
    machine.is_a("a card of the test", 75)
    machine.has("")
    machine.milliseconds = {"eager": 0.1}
    choice = choose(CALL)
    assert dict(choice.passed_over)["flex"] == "another form is faster here"
    with pytest.warns(UserWarning, match="on cuda through plain torch: no kernel of the test"):
        backends.say_why_not_native(choice, CALL)


def test_nothing_is_timed_while_a_graph_is_captured(machine):
    machine.milliseconds = {"native_cuda int8_compact 2": 3.0}
    machine.capturing = True
    choice = choose(CALL, in_graph=True)
    assert (choice.name, machine.timed) == ("native_cuda compact 1 + int8_compact 2", [])
    machine.capturing = False
    assert choose(CALL, in_graph=True).name == "native_cuda compact 1" and len(machine.timed) == 1


def test_both_16_bit_dtypes_have_one_verdict(machine):
    """Else set_time, which knows no dtype, would tell the tables of another form than runs."""
    machine.milliseconds = {"flex": 0.4}
    names = {choose(Call(GPU, dtype, 128, scale)).name for dtype in (BF16, torch.float16) for scale in (1.0, 0.125)}
    assert names == {"flex"} and len(machine.timed) == 1


def test_an_explicit_form_is_not_timed_and_does_what_the_plan_says(machine):
    choice = choose(CALL, "native_cuda")
    assert (choice.name, choice.because) == ("native_cuda compact 1 + int8_compact 2", "it was asked for")
    assert choice.wish == backends.Wish("", True) and machine.timed == []


def test_a_kernel_that_does_not_compile_gives_way(machine):
    machine.has("", runtime_cuda=True)

    def fails(forms, device, dtype, head_dim):
        if any(form.backend == "runtime_cuda" for form in forms):
            raise compiling.CompileError("compact for bfloat16: error: no such card")
        return machine.time_forms(forms, device, dtype, head_dim)

    machine.patch.setattr(form_timing, "time_forms", fails)
    with pytest.warns(UserWarning, match="compiling them, it failed here: compact for bfloat16"):
        choice = choose(CALL)
    assert choice.backend.name == "flex"
    assert "no such card" in dict(choice.passed_over)["runtime_cuda"]


def test_without_memory_the_order_holds(machine):
    def fails(forms, **more):
        raise UntimedError(form_timing.NO_MEMORY)

    machine.patch.setattr(form_timing, "time_forms", fails)
    with pytest.warns(UserWarning, match="there was no memory to time them"):
        choice = choose(CALL)
    assert (choice.name, choice.because) == (
        "native_cuda compact 1 + int8_compact 2",
        "by order; there was no memory to time them",
    )


def full(*given):
    raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 96.00 MiB")


def broken(*given):
    raise RuntimeError("CUDA error: unspecified launch failure\nmore lines")


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        pytest.param(full, "there was no memory to time them", id="memory"),
        pytest.param(broken, r"timing failed \(RuntimeError: CUDA error: unspecified launch failure\)", id="device"),
    ],
)
def test_what_torch_raises_while_forms_are_made_is_said(machine, trouble, sentence):
    machine.patch.setattr(form_timing, "runs_of", trouble)
    machine.patch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
    with pytest.raises(UntimedError, match=f"^{sentence}$"):
        TIME_FORMS([choosing.Form("flex")], GPU, BF16, 128)


def test_every_form_computes_the_call_that_is_timed(monkeypatch, tmp_path):
    """By the driver of the tests: kernels, INT8 and plain torch agree on it."""
    fake_gpu.install(monkeypatch, tmp_path)
    monkeypatch.setattr(form_timing, "TOKENS", 1024)
    q, k, v = torch.randn(3, 1, 2, 1024, 64, generator=torch.Generator().manual_seed(5), dtype=BF16)
    forms = [
        choosing.Form("runtime_cuda", "portable 2"),
        choosing.Form("runtime_cuda", "compact 1", "compact"),
        choosing.Form("runtime_cuda", "int8 2", is_int8=True),
    ]
    expected = form_timing._run_of(choosing.Form("eager"), (q, k, v), None, form_timing.band())()
    for form in forms:
        out = torch.full_like(q, torch.nan)
        form_timing._run_of(form, (q, k, v), out, form_timing.band())()
        torch.testing.assert_close(out, expected, rtol=4e-2, atol=4e-2)
    of_words, of_plan = (inspect.signature(each.run) for each in (launching.DeviceWords, cuda.DevicePlan))
    assert list(of_words.parameters) == list(of_plan.parameters)


def test_the_report_says_what_would_be_timed_and_times_nothing(machine):
    machine.patch.setattr(torch.cuda, "is_available", lambda: True)
    machine.patch.setattr(torch.cuda, "device_count", lambda: 1)
    (row,) = [row for row in twill_vdit.backend_report([128], [BF16]) if row["device"] == "cuda:0"]
    assert machine.timed == []
    assert row["because"] == row["int8_because"] == "by order; they are timed at the first use"
    assert (row["kernel"], row["int8"]) == ("native_cuda compact 1 + int8_compact 2", "int8_compact 2")
    machine.milliseconds = {"native_cuda int8_compact 2": 3.0}
    choose(CALL)
    report = doctor.Report(attention=twill_vdit.backend_report([128], [BF16]), driver={"nvidia": ""})
    (line,) = [line for line in doctor.describe(report).splitlines() if "cuda:0" in line]
    assert line == (
        "attention on cuda:0, bfloat16 x 128: native_cuda compact 1 (measured on this NVIDIA GeForce RTX 4090: 1.00 "
        "times as fast as flex); heads in int8 as bf16: bf16 is faster here (measured on this NVIDIA GeForce RTX 4090: "
        "native_cuda int8_compact 2 is 0.33 times as fast as native_cuda compact 1)"
    )


def test_set_time_tells_every_table_of_the_device(machine):
    """Those of the form that graphs have, and any that a graph was captured with before."""
    layout = LAYOUTS["text_behind"]
    plan = plan_texts.without_binary(
        twill_vdit.parse_plan(plan_texts.plan_text([list(PATTERNS.values())], dense_above=0.9)), layout
    )
    told = []

    def tables(name):
        of_plan = types.SimpleNamespace(variant=lambda segment, expert: segment)
        return types.SimpleNamespace(tables=of_plan, set_variant=lambda variant: told.append((name, variant)))

    machine.has("", runtime_cuda=True)
    machine.milliseconds = {"runtime_cuda int8_compact 2": 3.0, "flex": 0.1}
    plan.words_on_devices = {(GPU, True): tables("before"), (GPU, False): tables("now")}
    plan.words_on_devices[torch.device("cuda", 1), True] = tables("elsewhere")
    plan.set_time(0.95, device=GPU)
    assert told == [("before", 1), ("now", 1)]


def test_a_traced_call_times_nothing(machine):
    assert attention._follows_graphs(GPU, BF16, 128, True, True, "auto")
    assert machine.timed == []
