# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What the style tests look at: the files of this checkout that git tracks or would track."""

import functools
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CPP = (".h", ".cpp", ".cu", ".cuh")
CODE = (*CPP, ".py", ".pyi", ".sh", ".cmake")


@functools.cache
def files() -> tuple[str, ...]:
    """Paths relative to the root, sorted; files deleted but not yet committed are left out."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return tuple(sorted({name for name in listing.split("\0") if name and (ROOT / name).is_file()}))


def files_ending(*suffixes: str) -> list[str]:
    return [name for name in files() if name.endswith(suffixes)]


@functools.cache
def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")
