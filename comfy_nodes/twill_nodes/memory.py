# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Which errors say that memory was not enough, on a GPU or on the host."""


def is_out_of_memory(error: BaseException) -> bool:
    import comfy.model_management

    if isinstance(error, MemoryError) or comfy.model_management.is_oom(error):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)
