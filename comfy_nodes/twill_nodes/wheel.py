# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The way to the package twill_vdit for what loads without it: the nodes, which say what to do where it is missing.

layouts, patch and search import the package as any module does, and are imported only where it is there.
"""

import functools
import importlib
from types import ModuleType

HOW_TO_INSTALL = (
    "the Python package twill-vdit is missing; run `pip install twill-vdit` in ComfyUI's own Python, then start again"
)


class WheelMissingError(RuntimeError):
    """The package twill_vdit cannot be imported; the text says what to do."""


@functools.cache
def _import() -> tuple[ModuleType | None, str]:
    try:
        return importlib.import_module("twill_vdit"), ""
    except ImportError as error:
        return None, f"{HOW_TO_INSTALL} ({error})"


def why_missing() -> str:
    """Empty when the package is there, else one sentence that says what to do."""
    return _import()[1]


def package(module: str = "") -> ModuleType:
    """twill_vdit, or one of its modules. Raises WheelMissingError."""
    found, why = _import()
    if found is None:
        raise WheelMissingError(why)
    return importlib.import_module(f"twill_vdit.{module}") if module else found


def has_kernels() -> bool:
    """False where plans run in plain torch (a wheel without a binary)."""
    return not why_missing() and package().has_binary()
