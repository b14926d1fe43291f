# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Sparse attention plans for video diffusion transformers.

plan = twill_vdit.read_plan("plan.json")
compiled = twill_vdit.compile_plan(plan, twill_vdit.TokenLayout(frames=13, rows=16, cols=16))
out = twill_vdit.sparse_attention(q, k, v, compiled, layer=3, t=0.7)
"""

import importlib
from typing import TYPE_CHECKING

from twill_vdit.compiled_plan import CompiledPlan, compile_plan
from twill_vdit.errors import Error
from twill_vdit.layout import TokenLayout, TokenOrder
from twill_vdit.native import has_binary, why_no_binary
from twill_vdit.patterns import (
    PATTERN_NAMES,
    Diagonal,
    KeyBox,
    MultiDiagonal,
    Pattern,
    VerticalStripe,
    Window,
    keeps,
)
from twill_vdit.plan import ModelShape, Plan, Segment, StackShape
from twill_vdit.plan_io import parse_plan, read_plan, write_plan
from twill_vdit.shipped import demo_model_folder, preset_files, presets_folder

if TYPE_CHECKING:
    from twill_vdit.attention import sparse_attention
    from twill_vdit.backends import backend_report, has_int8_kernel, has_kernel

try:
    from twill_vdit._version import __version__
except ImportError:  # straight from the sources, where nothing was built
    __version__ = "0+source"

# What others may import: the names of __all__, and these modules with the names of theirs. All else may change.
PUBLIC_MODULES = ("diffusers", "families", "json_reading", "parallel", "running", "search", "texts", "written_files")

_WITH_TORCH = {
    "sparse_attention": "twill_vdit.attention",
    "backend_report": "twill_vdit.backends",
    "has_int8_kernel": "twill_vdit.backends",
    "has_kernel": "twill_vdit.backends",
}

__all__ = [
    "PATTERN_NAMES",
    "PUBLIC_MODULES",
    "CompiledPlan",
    "Diagonal",
    "Error",
    "KeyBox",
    "ModelShape",
    "MultiDiagonal",
    "Pattern",
    "Plan",
    "Segment",
    "StackShape",
    "TokenLayout",
    "TokenOrder",
    "VerticalStripe",
    "Window",
    "__version__",
    "backend_report",
    "compile_plan",
    "demo_model_folder",
    "has_binary",
    "has_int8_kernel",
    "has_kernel",
    "keeps",
    "parse_plan",
    "preset_files",
    "presets_folder",
    "read_plan",
    "sparse_attention",
    "why_no_binary",
    "write_plan",
]


def __getattr__(name: str) -> object:
    # Plans can be read and looked at where torch is not installed.
    if name in _WITH_TORCH:
        return getattr(importlib.import_module(_WITH_TORCH[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
