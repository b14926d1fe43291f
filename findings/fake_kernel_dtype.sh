#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# A custom operator whose fake kernel names another dtype: right in eager, wrong numbers compiled, and no error.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages torch==2.13.0 numpy==2.4.6
guess "torch.compile compares what an operator returns with what its fake kernel promised: size, stride and dtype"
observe <<'PYTHON'
import torch
from finding import verdict


@torch.library.custom_op("finding::accumulate", mutates_args=())
def accumulate(x: torch.Tensor) -> torch.Tensor:
    return x.float()  # results are float32


@accumulate.register_fake
def _(x):
    return torch.empty_like(x)  # the usual line: promises the dtype of x


@torch.library.custom_op("finding::columns", mutates_args=())
def columns(x: torch.Tensor) -> torch.Tensor:
    return x.t().contiguous().t()


@columns.register_fake
def _(x):
    return torch.empty_like(x)


def outcome(function, x):
    try:
        return torch.compile(function)(x).tolist()
    except AssertionError as error:
        return f"refused: {str(error).splitlines()[0]}"


x = torch.arange(1.0, 9.0).bfloat16()
ones = torch.ones(8)
eager, compiled = (accumulate(x) + ones).tolist(), outcome(lambda x: accumulate(x) + ones, x)
print("dtype  eager   ", eager, "\n       compiled", compiled)
strides = outcome(lambda x: columns(x) + 1, torch.ones(3, 4))
print("stride compiled", strides)
verdict(isinstance(compiled, list) and compiled != eager and isinstance(strides, str),
        "a wrong stride is refused, a wrong dtype is not: the bytes of float32 are read as bfloat16")
PYTHON
