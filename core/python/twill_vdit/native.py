# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The only import of the binary module. Without it plans run in plain torch, and the first use says so."""

import functools
import warnings

__all__ = ["binary", "has_binary", "say_once", "say_that_it_is_missing", "why_no_binary", "why_not"]

why_not = ""
try:
    # Where it is missing None; typed as if it were there, as whoever uses it has asked.
    from twill_vdit import _twill as binary
except ImportError as error:
    binary = None  # type: ignore[assignment]
    why_not = str(error)


def has_binary() -> bool:
    """Whether the binary module is there: kernels and search. Without it plans run in plain torch."""
    return binary is not None


def why_no_binary() -> str:
    """Empty when the binary module is there, else why it cannot be imported."""
    return why_not


@functools.cache
def say_once(text: str) -> None:
    """A warning, once for each text in a process."""
    warnings.warn(text, stacklevel=3)


def say_that_it_is_missing(instead: str, no_compiler: str = "") -> None:
    """Tell once that plans run without the binary module, and through what instead.

    Args:
        instead: what runs them.
        no_compiler: why the CUDA kernels are not compiled here either, on a GPU.
    """
    also = f"; {no_compiler}" if no_compiler else ""
    say_once(f"twill_vdit runs without its binary module, through {instead} and slowly: {why_not}{also}")
