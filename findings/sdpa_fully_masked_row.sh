#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# One mask, written three ways, gives a row without any key three different answers in scaled_dot_product_attention.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages torch==2.13.0 numpy==2.4.6
guess "a boolean mask, one of -inf and one of finfo(dtype).min mean the same: a row that may see no key gets zeros (or NaN)"
observe <<'PYTHON'
import torch
from finding import verdict
from torch.nn.functional import scaled_dot_product_attention as attention

torch.manual_seed(0)
q, k, v = (torch.randn(1, 1, 8, 16) for _ in range(3))
allowed = torch.ones(8, 8, dtype=torch.bool)
allowed[3] = False  # query 3 is a padded one
mean = v.mean(2)[0, 0]
unmasked = attention(q, k, v)[0, 0, 3]


def name(row, bound=0.02):
    for what, value in (("zeros", torch.zeros(16)), ("the mean of all values", mean), ("attention without a mask", unmasked)):
        if (row.float() - value).abs().max() < bound:
            return what
    return "something else"


answers = {}
for dtype in (torch.float32, torch.bfloat16, torch.float16):
    zero = torch.zeros(8, 8, dtype=dtype)
    masks = {
        "bool": allowed,
        "-inf": zero.masked_fill(~allowed, float("-inf")),
        "finfo.min": zero.masked_fill(~allowed, torch.finfo(dtype).min),
    }
    for form, mask in masks.items():
        row = attention(q.to(dtype), k.to(dtype), v.to(dtype), attn_mask=mask)[0, 0, 3]
        answers[dtype, form] = name(row)
        print(f"{str(dtype):15} {form:10} -> {answers[dtype, form]}")
as_seen = {form: "zeros" for form in ("bool", "-inf")}
seen = all(answers[dtype, form] == "zeros" for dtype in (torch.float32, torch.bfloat16, torch.float16) for form in as_seen)
seen &= answers[torch.float32, "finfo.min"] == answers[torch.bfloat16, "finfo.min"] == "the mean of all values"
seen &= answers[torch.float16, "finfo.min"] == "attention without a mask"
verdict(seen, "a fully masked row is zeros (bool, -inf), the mean of the padding (finfo.min) or, in float16, not masked at all")
PYTHON
