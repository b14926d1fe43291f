# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Figures that were measured, in a folder, so that a stopped search does not measure them again.

Each is in a file of its own, so that two ComfyUIs on one user folder lose none of each other's. The program `twill` has
the same folders (core/jobs/src/kept_values.h).
"""

import json
from collections.abc import Callable
from pathlib import Path

from twill_vdit import Error
from twill_vdit.json_reading import parse_json
from twill_vdit.written_files import write_file

MOST_BYTES = 1 << 24


class KeptFigures:
    """A file that is damaged, or of another key, counts as none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str):
        file = self.file_of(key)
        try:
            if not file.is_file() or file.stat().st_size > MOST_BYTES:
                return None
            kept = parse_json(file.read_bytes(), str(file), infinity=True)
        except (OSError, Error):
            return None
        # Two keys may have one hash.
        return kept.get("value") if isinstance(kept, dict) and kept.get("key") == key else None

    def put(self, key: str, value) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        write_file(self.file_of(key), json.dumps({"key": key, "value": value}, indent=1).encode())

    def or_measure(self, key: str, measure: Callable[[], float]) -> float:
        kept = self.get(key)
        if isinstance(kept, bool) or not isinstance(kept, (int, float)):
            kept = measure()
            self.put(key, kept)
        return kept

    def file_of(self, key: str) -> Path:
        return self._folder / f"{text_hash(key):016x}.json"


def text_hash(text: str) -> int:
    """FNV-1a, 64 bit: names, not security."""
    found = 0xCBF29CE484222325
    for byte in text.encode():
        found = ((found ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return found
