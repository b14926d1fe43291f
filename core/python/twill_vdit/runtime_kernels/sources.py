# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The kernels' sources, and one text of a file with all that it includes, as NVRTC takes it: it has no headers."""

import functools
import re
from pathlib import Path

from twill_vdit.errors import Error

_INCLUDE = re.compile(r'\s*#\s*include\s*"([^"]+)"')
_ONCE = re.compile(r"\s*#\s*pragma\s+once")


@functools.cache
def folder() -> Path:
    """The package's own sources, else those of the source tree that this file stands in: `include` and `src/cuda`.

    Raises:
        Error: "file", neither is there.
    """
    own = Path(__file__).parents[1] / "kernel_sources"
    for place in (own, Path(__file__).resolve().parents[4] / "kernels"):
        if (place / "src" / "cuda").is_dir():
            return place
    raise Error(f"{own}: no such folder; install twill-vdit again", "file")


def files_of(name: str) -> list[Path]:
    """A file of src/cuda and all that it includes, each once, what is included first.

    Raises:
        Error: "file", one of them is not there or cannot be read.
    """
    found: dict[Path, None] = {}
    _collect(folder() / "src" / "cuda" / name, found, set())
    return list(found)


@functools.cache
def text_of(name: str) -> str:
    """The same files as one text, whose line numbers are those of the files.

    Raises:
        Error: as files_of.
    """
    return "".join(f'#line 1 "{file.name}"\n{_without_includes(_read(file))}' for file in files_of(name))


def _collect(file: Path, found: dict[Path, None], entered: set[Path]) -> None:
    if file in entered:
        return
    entered.add(file)
    for line in _read(file).splitlines():
        if included := _INCLUDE.match(line):
            beside = file.parent / included[1]
            _collect(beside.resolve() if beside.is_file() else folder() / "include" / included[1], found, entered)
    found[file] = None


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise Error(f"{file}: {getattr(error, 'strerror', None) or error}; install twill-vdit again", "file") from None


def _without_includes(text: str) -> str:
    return "".join("\n" if _INCLUDE.match(line) or _ONCE.match(line) else f"{line}\n" for line in text.splitlines())
