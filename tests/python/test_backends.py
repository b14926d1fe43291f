# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Which form of attention is chosen, and what is said of the others."""

import warnings

import pytest
import torch

import fake_gpu
import plan_texts
import twill_vdit
from attention_cases import LAYOUTS, PATTERNS
from tolerance import assert_as_exact_as_torch, in_double
from twill_vdit import Error, backends, cuda, flex, native, sparse_attention
from twill_vdit.backends import Call, choose
from twill_vdit.runtime_kernels import launching

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)
BF16 = torch.bfloat16
needs_binary = pytest.mark.skipif(native.binary is None, reason=f"no binary module: {native.why_not}")


@pytest.fixture(autouse=True)
def forget_choices():
    backends.forget_choices()
    native.say_once.cache_clear()
    yield
    backends.forget_choices()


@pytest.fixture
def gpu(monkeypatch):
    """A GPU as far as the choice can see: what its kernels and FlexAttention answer is set by the test."""

    def answers(native_cuda="", flex_attention="", runtime_cuda="cuda-core is not installed"):
        monkeypatch.setenv("TWILL_CHOICE", "order")
        monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
        monkeypatch.setattr(launching, "driver", fake_gpu.FakeGpu())
        monkeypatch.setattr(cuda, "kernel_of", lambda *call: "hopper 3")
        monkeypatch.setattr(native, "binary", native.binary or object())
        monkeypatch.setattr(cuda, "why_not", lambda *call: native_cuda)
        monkeypatch.setattr(launching, "why_not", lambda *call: runtime_cuda)
        monkeypatch.setattr(flex, "why_not", lambda *call: flex_attention)

    return answers


@pytest.mark.parametrize(
    ("native_cuda", "flex_attention", "runs"),
    [
        pytest.param("", "", "native_cuda", id="hopper"),
        pytest.param("compute capability 8.9", "", "flex", id="another_gpu"),
        pytest.param("compute capability 8.9", "Triton is not installed", "eager", id="another_gpu_without_triton"),
    ],
)
def test_the_best_form_that_runs_is_chosen(gpu, native_cuda, flex_attention, runs):
    gpu(native_cuda, flex_attention)
    choice = choose(Call(GPU, BF16, 128))
    assert choice.backend.name == runs
    reasons = dict(choice.passed_over)
    assert native_cuda in reasons.get("native_cuda", "")
    assert reasons.get("flex", "") == (flex_attention if runs == "eager" else "")


def test_kernels_are_compiled_where_the_binary_module_has_none(gpu):
    gpu("this build has no CUDA kernels (built without nvcc)", "", "")
    call = Call(GPU, BF16, 128)
    choice = choose(call)
    assert choice.backend.name == "runtime_cuda"
    assert choice.backend.follows_graphs
    assert dict(choice.passed_over)["native_cuda"] == "this build has no CUDA kernels (built without nvcc)"
    assert twill_vdit.has_kernel(GPU, BF16, 128)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it is no slower form
        backends.say_why_not_native(choice, call)


def test_both_reasons_are_said_on_a_gpu_without_kernels(gpu):
    gpu("this build has no CUDA kernels (built without nvcc)")
    call = Call(GPU, BF16, 128)
    with pytest.warns(UserWarning, match=r"this build has no CUDA kernels .*; cuda-core is not installed$"):
        backends.say_why_not_native(choose(call), call)


def test_without_any_kernel_the_sentence_says_how_to_get_one(gpu, monkeypatch):
    gpu()
    monkeypatch.setattr(native, "binary", None)
    monkeypatch.setattr(native, "why_not", "no module of that name")
    call = Call(GPU, BF16, 128, has_tables=False)
    with pytest.warns(
        UserWarning, match=r"through FlexAttention.* and slowly: no module.*; cuda-core is not installed"
    ):
        backends.say_why_not_native(choose(call), call)


@needs_binary
def test_the_cpu_has_its_kernels_and_what_they_lack_is_said():
    assert choose(Call(CPU, torch.float32, 64)).backend.name == "native_cpu"
    odd = choose(Call(CPU, torch.float64, 64))
    assert odd.backend.name == "eager"
    assert dict(odd.passed_over)["native_cpu"] == "it has no kernel for torch.float64"
    assert "head_dim 40" in dict(choose(Call(CPU, torch.float32, 40)).passed_over)["native_cpu"]
    assert "without the binary module" in dict(choose(Call(CPU, BF16, 64, 1.0, False)).passed_over)["native_cpu"]


@needs_binary
def test_a_wanted_form_runs_or_says_why_not():
    assert choose(Call(CPU, torch.float32, 64), "eager").backend.name == "eager"
    with pytest.raises(Error, match="backend 'native_cuda' does not run here: the tensors stand on cpu"):
        choose(Call(CPU, torch.float32, 64), "native_cuda")
    with pytest.raises(
        Error, match="backend 'fast' is not one of auto, native_cuda, runtime_cuda, native_cpu, flex, eager"
    ):
        choose(Call(CPU, torch.float32, 64), "fast")


@needs_binary
def test_a_plan_may_ask_for_a_form():
    layout = LAYOUTS["text_behind"]
    plan = twill_vdit.parse_plan(plan_texts.plan_text([list(PATTERNS.values())]), "made.json")
    q, k, v = (torch.randn(1, len(PATTERNS), layout.tokens, 64) for _ in "qkv")
    ours = twill_vdit.compile_plan(plan, layout)
    plain = twill_vdit.compile_plan(plan, layout, backend="eager")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what was asked for is no surprise
        out = sparse_attention(q, k, v, plain, layer=0, t=0.5)
        exact = sparse_attention(*in_double(q, k, v), plain, layer=0, t=0.5)
    assert_as_exact_as_torch(sparse_attention(q, k, v, ours, layer=0, t=0.5), exact, out)
    with pytest.raises(Error, match=r"backend .flex. does not run here: (it is used on GPUs|torch 2.4)"):
        sparse_attention(q, k, v, twill_vdit.compile_plan(plan, layout, backend="flex"), layer=0, t=0.5)


@pytest.mark.skipif("no FlexAttention" in flex.why_not(CPU, BF16, 64), reason="torch before 2.5")
def test_flexattention_that_does_not_compile_gives_way_to_the_next_form(monkeypatch):
    layout = LAYOUTS["text_behind"]
    plan = twill_vdit.parse_plan(plan_texts.plan_text([[PATTERNS["window"]]]), "made.json")
    q, k, v = (torch.randn(1, 1, layout.tokens, 64) for _ in "qkv")

    def fails(*args, **kwargs):
        raise RuntimeError("Failed to find C compiler.\nmore lines")

    monkeypatch.setattr(flex, "_compiled", lambda: fails)
    monkeypatch.setattr(flex, "_failure", "")
    place = backends.Place(0, 0, 0, 0)
    monkeypatch.setattr(native, "binary", None)
    compiled = plan_texts.without_binary(plan, layout)
    flex_form = next(backend for backend in backends.BACKENDS if backend.name == "flex")
    with pytest.warns(UserWarning, match="without FlexAttention, it failed here: Failed to find C compiler."):
        out = flex_form.run(q, k, v, compiled, place, 0.125)
    eager_form = backends.BACKENDS[-1]
    assert torch.equal(out, eager_form.run(q, k, v, compiled, place, 0.125))
    assert "Failed to find C compiler" in flex._failure


def test_the_report_names_what_runs_and_why_the_others_do_not():
    report = twill_vdit.backend_report()
    cpu = [row for row in report if row["device"] == "cpu"]
    assert {(row["dtype"], row["head_dim"]) for row in cpu} == {
        (dtype, head_dim) for dtype in ("float32", "bfloat16", "float16") for head_dim in (64, 96, 128, 256)
    }
    for row in report:
        assert row["runs"] in backends.BACKEND_NAMES
        assert all(reason for reason in row["passed_over"].values())
    if native.binary is not None:
        assert {(row["runs"], row["kernel"]) for row in cpu} == {("native_cpu", "native_cpu")}
