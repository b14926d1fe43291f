# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What a patched model carries, for nodes that load without the package too."""

KEY = "twill"


def patch_of(model):
    """apply.SparsePatch, or None for a model without a plan."""
    return model.get_attachment(KEY)
