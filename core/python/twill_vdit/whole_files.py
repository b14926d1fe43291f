# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Are files whole? Every answer is empty, or one sentence that names the file and what to do."""

import base64
import csv
import hashlib
import struct
from importlib import metadata
from pathlib import Path

from twill_vdit import texts
from twill_vdit.errors import Error
from twill_vdit.json_reading import parse_json

_MOST_HEADER_BYTES = 100 << 20  # the limit of the safetensors format
_MOST_JSON_BYTES = 1 << 20


def why_not_safetensors(file: Path) -> str:
    """Compares the file's size with what its header says; tensors are not read."""
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            start = stream.read(8)
            if start.startswith(b"version "):
                return f"{file}: a pointer of Git LFS, not the file itself; fetch it with git lfs pull"
            if size < 8:
                return f"{file}: {size} bytes are no safetensors file; copy it again"
            header_bytes = struct.unpack("<Q", start)[0]
            if header_bytes > _MOST_HEADER_BYTES:
                return f"{file}: not a safetensors file"
            header = stream.read(header_bytes)
    except OSError as error:
        return f"{file}: {error.strerror or error}"
    if len(header) < header_bytes:
        return f"{file}: half copied, {size:,} bytes end inside its header; copy it again"
    try:
        tensors = {name: entry for name, entry in parse_json(header, str(file)).items() if name != "__metadata__"}
        end = 8 + header_bytes + max((int(entry["data_offsets"][1]) for entry in tensors.values()), default=0)
    except (Error, ValueError, AttributeError, KeyError, TypeError, IndexError):
        return f"{file}: not a safetensors file, or a damaged one: its header cannot be read; copy it again"
    if size < end:
        return f"{file}: half copied, {size:,} of {end:,} bytes are there; copy it again"
    if size > end:
        return f"{file}: {size - end:,} bytes longer than its header says; copy it again"
    return ""


def why_not_model(folder: Path) -> str:
    """A model folder: model.json and the weight files that it names."""
    description = folder / "model.json"
    try:
        if description.stat().st_size > _MOST_JSON_BYTES:
            return f"{description}: larger than {_MOST_JSON_BYTES:,} bytes"
        text = texts.read_text(description)
    except OSError as error:
        return f"{description}: {error.strerror or error}"
    except ValueError as error:
        return f"{description}: {error}"
    try:
        files = parse_json(text, str(description))["files"]
        names = [name for entry in files.values() for name in ([entry] if isinstance(entry, str) else entry)]
        paths = [folder / name for name in names]
    except (Error, ValueError, KeyError, AttributeError, TypeError):
        return f'{description}: not a model\'s description: JSON with an object "files" is expected'
    return next((problem for problem in map(why_not_safetensors, paths) if problem), "")


def changed_since_installed(distribution: metadata.Distribution) -> list[str]:
    """Compares the files of an installed wheel with the checksums that pip keeps beside them."""
    problems = []
    # Not distribution.files: from Python 3.12 on that leaves out what is missing.
    for name, checksum, *_ in csv.reader((distribution.read_text("RECORD") or "").splitlines()):
        if not checksum.startswith("sha256="):
            continue
        file = Path(str(distribution.locate_file(name)))
        try:
            digest = hashlib.sha256(file.read_bytes()).digest()
        except OSError as error:
            problems.append(f"{file}: {error.strerror or error}; install twill-vdit again")
            continue
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != checksum.removeprefix("sha256="):
            problems.append(f"{file}: not as it was installed; install twill-vdit again")
    return problems
