# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The tests below pack/ run inside ComfyUI's environment only; test_comfy_pack.py starts them there."""

import os

collect_ignore = [] if os.environ.get("TWILL_COMFYUI") else ["pack"]
