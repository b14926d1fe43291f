# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The package as tests/python has it, with diffusers beside it. Nothing is downloaded."""

import os
import sys
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "tests/python"), str(ROOT / "tests/parallel")]
if not os.environ.get("TWILL_TEST_INSTALLED"):
    build = os.environ.get("TWILL_BUILD_DIR")
    sys.path.insert(0, str(Path(build) / "core/python" if build else ROOT / "core/python"))

pytest.importorskip("diffusers", reason="diffusers is not installed")


@pytest.fixture(autouse=True)
def always_worth_it(monkeypatch):
    """Without the binary module a plan is timed against dense; here it is the plan that is tested."""
    from twill_vdit.running import pace

    monkeypatch.setattr(pace, "break_even", lambda call, density, sparse: 2.0)
