# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""fp32 products are summed in one order in every process, and the user's own choice stands."""

import os
import re

import pytest
import torch

# By torch itself and not by what was said: a clip without a product of MKL's would else pass for a torch without MKL.
pytestmark = pytest.mark.skipif(not torch.backends.mkl.is_available(), reason="this torch multiplies without MKL")


def modes(twill, model, out, **more: str) -> set[str]:
    """What MKL says of its products in one clip."""
    result = twill(
        "generate", "--model", model, "--prompt", "a red ball", "--size", "64x64", "--frames", 5, "--dtype", "float32",
        "--out", out, env={**os.environ, "MKL_VERBOSE": "1", **more},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    said = result.stdout + result.stderr
    return set(re.findall(r"SGEMM.* (CNR:\S+ Dyn:\S+)", said))


def test_sums_have_one_order_whatever_the_threads_do(twill, tiny_model, tmp_path):
    assert modes(twill, tiny_model, tmp_path / "a.mp4") == {"CNR:AUTO,STRICT Dyn:0"}


def test_what_the_user_set_stays(twill, tiny_model, tmp_path):
    assert modes(twill, tiny_model, tmp_path / "a.mp4", MKL_CBWR="COMPATIBLE", MKL_DYNAMIC="TRUE") == {
        "CNR:COMPATIBLE Dyn:1"
    }
