# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Puts on the import path: the scripts of the presets, as running them there does, and the built package twill_vdit."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "presets" / "demo"), str(ROOT / "presets"), str(ROOT / "tests" / "bench")]
build = os.environ.get("TWILL_BUILD_DIR")
sys.path.insert(0, str(Path(build) / "core/python" if build else ROOT / "core/python"))
