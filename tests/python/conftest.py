# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The package is tested as it was built, or with TWILL_TEST_INSTALLED=1 as it is installed in this environment."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))
if not os.environ.get("TWILL_TEST_INSTALLED"):
    build = os.environ.get("TWILL_BUILD_DIR")
    # Without a build the sources alone are tested; tests of the binary module then say that they were skipped.
    package_parent = Path(build) / "core/python" if build else ROOT / "core/python"
    if not (package_parent / "twill_vdit").is_dir():
        raise FileNotFoundError(
            f"{package_parent} holds no package twill_vdit; TWILL_BUILD_DIR must name a build folder"
        )
    # The build tree has sources and binary module together.
    sys.path.insert(0, str(package_parent))
