# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Finding a plan with ComfyUI's own samplers: the model runs dense while its heads are measured."""
