# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The one exception of this package; the binary module raises it too."""

from twill_vdit.texts import valid_text


class Error(RuntimeError):
    """The user's or the machine's trouble, in one sentence. Our own bugs are not of this class.

    code: "usage", "file", "model", "unsupported" or "system".
    """

    def __init__(self, text: str, code: str = "usage") -> None:
        super().__init__(valid_text(text))
        self.code = code


def require(condition: bool, text: str, code: str = "usage") -> None:
    if not condition:
        raise Error(text, code)
