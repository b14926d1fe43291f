# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Compiled kernels on disk: one file for each text, card, driver and NVRTC. What is damaged is compiled again."""

import contextlib
import hashlib
import json
import os
import sys
from pathlib import Path

from twill_vdit import written_files
from twill_vdit.errors import Error
from twill_vdit.json_reading import parse_json
from twill_vdit.runtime_kernels.compiling import Compiled

SUFFIX = ".twill-kernel"
_MOST_BYTES = 64 << 20
_MOST_FILES = 64  # those of other drivers and versions go with the oldest; a kernel takes 0.1 to 0.3 MB
_LONGEST_HEADER = 1 << 16


def folder() -> Path:
    """TWILL_CACHE, else the user's folder for such files."""
    if named := os.environ.get("TWILL_CACHE"):
        return Path(named)
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "twill-vdit" / "kernels"
    named = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(named) if os.path.isabs(named) else Path.home() / ".cache") / "twill-vdit" / "kernels"


def key_of(*parts: object) -> str:
    """Of everything that the machine code follows from."""
    digest = hashlib.sha256()
    for part in parts:
        encoded = str(part).encode()
        digest.update(f"{len(encoded)}\n".encode())
        digest.update(encoded)
    return digest.hexdigest()[:40]


def read(key: str) -> Compiled | None:
    """What stands there under a key; None when there is nothing, or not what was written."""
    try:
        file = folder() / f"{key}{SUFFIX}"
        with file.open("rb") as stream:
            header = stream.readline(_LONGEST_HEADER)
            code = stream.read(_MOST_BYTES)
        facts = parse_json(header, str(file))
        if facts["sha256"] != hashlib.sha256(code).hexdigest():
            return None
        made = Compiled(code, bool(facts["is_ptx"]), str(facts["symbol"]), tuple(map(int, facts["facts"])))
        with contextlib.suppress(OSError):
            os.utime(file)  # used, so not among the oldest
        return made
    except (OSError, RuntimeError, ValueError, KeyError, TypeError):
        return None


def write(key: str, made: Compiled) -> str:
    """Whole or not at all, whoever else writes it at the same time; returns why it could not be written, or nothing."""
    header = {
        "symbol": made.symbol,
        "facts": list(made.facts),
        "is_ptx": made.is_ptx,
        "sha256": hashlib.sha256(made.code).hexdigest(),
    }
    try:
        put(folder() / f"{key}{SUFFIX}", json.dumps(header).encode() + b"\n" + made.code)
    except (OSError, RuntimeError, Error) as error:
        return str(error)
    return ""


def put(file: Path, content: bytes) -> None:
    """A file of the folder, whole or not at all; the oldest of its kind go when there are many.

    Raises:
        OSError: it cannot be written.
        Error: the same, in a sentence.
    """
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    written_files.write_file(file, content)
    _remove_oldest(file.parent, file.suffix)


def _remove_oldest(place: Path, suffix: str) -> None:
    files = []
    for file in place.glob(f"*{suffix}"):
        with contextlib.suppress(OSError):
            files.append((file.stat().st_mtime, file))
    for _, file in sorted(files)[:-_MOST_FILES]:
        with contextlib.suppress(OSError):
            file.unlink()
