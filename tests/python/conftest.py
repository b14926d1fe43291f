# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The package is tested as it was built: sources and binary module stand together in the build tree."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
build = os.environ.get("TWILL_BUILD_DIR")
# Without a build the sources alone are tested; tests of the binary module then say that they were skipped.
package_parent = Path(build) / "core/python" if build else ROOT / "core/python"
if not (package_parent / "twill_vdit").is_dir():
    raise FileNotFoundError(f"{package_parent} holds no package twill_vdit; TWILL_BUILD_DIR must name a build folder")
sys.path.insert(0, str(package_parent))
sys.path.insert(0, str(Path(__file__).parent))
