# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Sparse attention plans in ComfyUI."""

try:
    from .twill_nodes.extension import WEB_DIRECTORY, comfy_entrypoint
except ImportError as _error:  # imported outside ComfyUI, or by one without the V3 node API
    if "comfy_api" not in str(_error) and "attempted relative import" not in str(_error):
        raise

__all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]
