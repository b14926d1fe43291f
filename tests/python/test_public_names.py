# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What hosts of models may build on: every public name is there, and answers what it says."""

import importlib

import pytest
import torch

import plan_texts
import twill_vdit
from attention_cases import LAYOUTS, PATTERNS
from twill_vdit import native

CPU = torch.device("cpu")
needs_binary = pytest.mark.skipif(native.binary is None, reason=f"no binary module: {native.why_not}")


def test_the_public_names_of_the_package_are_there():
    assert [name for name in twill_vdit.__all__ if not hasattr(twill_vdit, name)] == []


@pytest.mark.parametrize("name", twill_vdit.PUBLIC_MODULES)
def test_the_public_modules_have_their_names(name):
    module = importlib.import_module(f"twill_vdit.{name}")
    assert module.__all__ and [each for each in module.__all__ if not hasattr(module, each)] == []


def test_whether_there_is_a_binary_module_and_why_not():
    assert twill_vdit.has_binary() == (twill_vdit.why_no_binary() == "")


@pytest.mark.parametrize(
    ("dtype", "head_dim", "expected"),
    [
        pytest.param(torch.float32, 64, True, id="kernel"),
        pytest.param(torch.float32, 60, False, id="head_dim"),
        pytest.param(torch.float64, 64, False, id="dtype"),
    ],
)
@needs_binary
def test_a_kernel_is_known_before_a_plan_is_compiled(dtype, head_dim, expected):
    assert twill_vdit.has_kernel(CPU, dtype, head_dim) is expected


def test_without_the_binary_module_there_is_no_kernel(monkeypatch):
    monkeypatch.setattr(native, "binary", None)
    assert not twill_vdit.has_kernel(CPU, torch.float32, 48)


@pytest.mark.parametrize("compile_plan", [twill_vdit.compile_plan, plan_texts.without_binary], ids=["native", "numpy"])
def test_the_density_of_a_plan_is_the_mean_of_its_layers(compile_plan):
    names = [["skip", "mean", "dense"], ["dense", "window", "only_itself"]]
    layers = [[PATTERNS[name] for name in layer] for layer in names]
    compiled = compile_plan(twill_vdit.parse_plan(plan_texts.plan_text(layers)), LAYOUTS["text_in_front_and_behind"])
    first, second = (compiled.layer_density(0, layer=layer) for layer in range(2))
    assert first == pytest.approx(1 / 3, rel=1e-12)
    assert (first + second) / 2 == pytest.approx(compiled.density(0), rel=1e-12)
