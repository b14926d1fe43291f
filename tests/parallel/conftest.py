# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The package as tests/python has it."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "tests/python"), str(ROOT / "tests/bench")]
if not os.environ.get("TWILL_TEST_INSTALLED"):
    build = os.environ.get("TWILL_BUILD_DIR")
    sys.path.insert(0, str(Path(build) / "core/python" if build else ROOT / "core/python"))
