# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Every elementwise function that torch hands to MKL is settled by one thread before a network runs."""

import re

import pytest

import tree

SETTLED_IN = "core/engine/src/vector_math.cpp"
# Those of torch 2.13's ATen/cpu/vml.h.
OF_MKL = "acos|asin|atan|cos|cosh|erf|erfc|erfinv|exp|expm1|lgamma|log|log10|log1p|log2|sin|sinh|sqrt|tan|tanh"
CALL = re.compile(rf"(?:\bat::|\.)({OF_MKL})_?\(")


def calls(text: str) -> set[str]:
    return {found.group(1) for found in CALL.finditer(text)}


def test_each_function_that_is_called_is_settled():
    files = [name for name in tree.files_ending(*tree.CPP) if name.startswith(("core/engine/", "core/jobs/"))]
    called = set().union(*(calls(tree.text_of(name)) for name in files if name != SETTLED_IN))
    assert called == calls(tree.text_of(SETTLED_IN))


@pytest.mark.parametrize("text", ["at::exp(x)", "x.sub(y).exp_()", "wide.sum(-1, true).sqrt().clamp_min(k)"])
def test_a_planted_call_is_found(text):
    assert calls(text)


def test_calls_of_the_c_library_are_none():
    assert calls("std::sqrt(x) + std::exp(y) + log(z)") == set()
