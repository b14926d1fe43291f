# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Puts the scripts of the demo preset on the import path, as running them there does."""

import sys
from pathlib import Path

DEMO = Path(__file__).resolve().parents[2] / "presets" / "demo"
sys.path.insert(0, str(DEMO))
