# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Sparse attention inside a model of ComfyUI: the attention override and what tells it where it is."""
