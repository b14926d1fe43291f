# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Which errors say that memory was not enough, on a GPU or on the host."""


def is_out_of_memory(error: BaseException) -> bool:
    import comfy.model_management

    from twill_vdit import running

    return comfy.model_management.is_oom(error) or running.is_out_of_memory(error)
