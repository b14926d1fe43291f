# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""How long forms of attention took on a card, kept on disk beside the compiled kernels: one file for each subject."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from twill_vdit import native
from twill_vdit.errors import Error
from twill_vdit.json_reading import parse_json
from twill_vdit.runtime_kernels import cache

SUFFIX = ".twill-timing"
_MOST_BYTES = 1 << 16

# Of a call by each form, by the form's name; None where it failed on this machine.
Milliseconds = Mapping[str, float | None]


@dataclass(frozen=True)
class Subject:
    """What a timing is of: when any of it changes, it is timed again.

    Attributes:
        card: its name.
        capability: major * 10 + minor.
        driver: its version.
        torch: its version.
        dtype: of the tensors.
        head_dim: of the heads.
        forms: names of what was timed, with the versions of their kernels.
    """

    card: str
    capability: int
    driver: str
    torch: str
    dtype: str
    head_dim: int
    forms: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self) | {"forms": list(self.forms)}


def file_of(subject: Subject) -> Path:
    """Where its timing is kept."""
    return cache.folder() / f"{cache.key_of(json.dumps(subject.as_dict(), sort_keys=True))}{SUFFIX}"


def read(subject: Subject) -> Milliseconds | None:
    """What was kept; None when nothing was, or when it is damaged, which is said once."""
    file = file_of(subject)
    try:
        with file.open("rb") as stream:
            content = stream.read(_MOST_BYTES)
    except OSError:
        return None
    try:
        found = parse_json(content, str(file))
        milliseconds = {str(form): _checked(value) for form, value in found["milliseconds"].items()}
        if found["subject"] != subject.as_dict() or set(milliseconds) != set(subject.forms):
            raise ValueError("it is of another subject")
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        native.say_once(f"twill_vdit times its forms of attention again: {file} is damaged ({error})")
        return None
    return milliseconds


def _checked(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 < value < math.inf:
        raise ValueError(f"{value!r} are no milliseconds")
    return float(value)


def write(subject: Subject, milliseconds: Milliseconds) -> None:
    """Whole or not at all, whoever else writes it at the same time. Where it cannot be written, that is said once."""
    content = json.dumps({"subject": subject.as_dict(), "milliseconds": dict(milliseconds)}, indent=2) + "\n"
    try:
        cache.put(file_of(subject), content.encode())
    except (OSError, RuntimeError, Error) as error:
        native.say_once(f"twill_vdit times its forms of attention again in every process: {error}")
