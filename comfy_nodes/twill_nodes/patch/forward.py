# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What is known of one forward of the network while it runs."""

import threading
from dataclasses import dataclass, field

# Key of the forward in transformer_options.
KEY = "twill_forward"


@dataclass
class Forward:
    """grid: frames, rows, columns of tokens. block: (stack, layer), written by hooks where the network tells none."""

    run: object
    family: object  # layouts.Family
    network: object
    grid: tuple[int, int, int] | None
    t: float
    extra: dict = field(default_factory=dict)  # what the family's `begin` noted of the arguments
    block: tuple[int, int] | None = None
    dense_because: str = ""  # a reason for the whole forward to be dense
    told: set = field(default_factory=set)  # handles of compiled plans that know this forward's t


class _Current(threading.local):
    """One forward per thread: with several GPUs each has a thread of its own."""

    forward: Forward | None = None


_current = _Current()


def current() -> Forward | None:
    return _current.forward


class RunningForward:
    """with RunningForward(forward): hooks find it."""

    def __init__(self, forward: Forward) -> None:
        self._forward = forward
        self._before: Forward | None = None

    def __enter__(self) -> Forward:
        self._before = _current.forward
        _current.forward = self._forward
        return self._forward

    def __exit__(self, *_) -> None:
        _current.forward = self._before
