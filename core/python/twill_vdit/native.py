# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The only import of the binary module. Without it plans run in plain torch, and the first use says so."""

import functools
import importlib
import warnings
from types import ModuleType

binary: ModuleType | None
why_not: str
try:
    binary = importlib.import_module("twill_vdit._twill")
except ImportError as error:
    binary, why_not = None, str(error)
else:
    why_not = ""


@functools.cache
def say_once(text: str) -> None:
    warnings.warn(text, stacklevel=3)


def say_that_it_is_missing(instead: str) -> None:
    say_once(f"twill_vdit runs without its binary module, through {instead} and slowly: {why_not}")
