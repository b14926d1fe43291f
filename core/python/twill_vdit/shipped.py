# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The files that come with the package: the demo model and the plans for models."""

import os
from pathlib import Path

from twill_vdit.errors import Error


def presets_folder() -> Path:
    """TWILL_PRESETS, else the package's own folder, else the one of the source tree that this file stands in."""
    named = os.environ.get("TWILL_PRESETS")
    return Path(named) if named else _own_folder()


def models_file() -> Path:
    """The facts of the model families. They belong to the code, so TWILL_PRESETS names no others."""
    return _own_folder() / "models.json"


def _own_folder() -> Path:
    for folder in (Path(__file__).parent / "presets", Path(__file__).resolve().parents[3] / "presets"):
        if folder.is_dir():
            return folder
    raise Error(f"{Path(__file__).parent / 'presets'}: no such folder; install twill-vdit again", "file")


def demo_model_folder() -> Path:
    """Holds model.json and the weight files that it names: a Wan 2.1 text-to-video model in miniature."""
    folder = presets_folder() / "demo"
    if not (folder / "model.json").is_file():
        raise Error(f"{folder / 'model.json'}: no such file; the demo model is not there", "file")
    return folder


_NO_PLANS = ("model.json", "metrics.json", "preview.json")


def preset_files() -> list[Path]:
    """The plan files, sorted: <family>/<name>.json."""
    return sorted(
        file
        for file in presets_folder().glob("*/*.json")
        if file.parent.name != "sources" and file.name not in _NO_PLANS and not file.name.endswith(".search.json")
    )
