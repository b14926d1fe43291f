# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Figures that were measured, in a file, so that a stopped search does not measure them again."""

import json
from collections.abc import Callable
from pathlib import Path


class KeptFigures:
    """A file that is damaged counts as empty."""

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            self._kept = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._kept = {}
        if not isinstance(self._kept, dict):
            self._kept = {}

    def get(self, key: str):
        return self._kept.get(key)

    def put(self, key: str, value) -> None:
        self._kept[key] = value
        whole = self._file.with_suffix(".part")
        whole.write_text(json.dumps(self._kept), encoding="utf-8")
        whole.replace(self._file)

    def or_measure(self, key: str, measure: Callable[[], float]) -> float:
        if not isinstance(self.get(key), (int, float)):
            self.put(key, measure())
        return self.get(key)
