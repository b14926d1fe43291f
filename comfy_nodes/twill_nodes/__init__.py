# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What the nodes are made of: patch, layouts, plan store, search, pictures."""
