# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""How a finding ends: its last line, and 0 if the library still behaves so, 1 if it does not."""

import sys
from typing import NoReturn


def verdict(seen: bool, text: str) -> NoReturn:
    print(f"{'seen' if seen else 'changed'}: {text}")
    sys.exit(0 if seen else 1)
