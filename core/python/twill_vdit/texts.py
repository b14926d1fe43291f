# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Texts that people write: names and files.

Python keeps bytes of a name that are not UTF-8 as lone surrogates, which can be neither printed nor sent; what is shown
or handed on as text goes through valid_text().
"""

import codecs
import json
import os
from pathlib import Path
from typing import Any

__all__ = ["json_text", "read_text", "valid_text", "valid_texts"]

# The mark of UTF-32 begins as that of UTF-16 does.
_OTHER_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16, as some editors on Windows write it"),
    (codecs.BOM_UTF16_BE, "UTF-16, as some editors on Windows write it"),
)


def valid_text(text: str) -> str:
    r"""The text, with every byte that belongs to no character of UTF-8 written as "\xe9"."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace") if not _is_valid(text) else text


def _is_valid(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def valid_texts(value: Any) -> Any:
    """Dictionaries, lists and tuples with every text in them valid."""
    if isinstance(value, str):
        return valid_text(value)
    if isinstance(value, dict):
        return {valid_texts(key): valid_texts(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [valid_texts(member) for member in value]
    return value


def json_text(value: Any, indent: int | None = None) -> str:
    """JSON of any value; of texts that are not valid and numbers that are not finite, too (null)."""
    return json.dumps(_finite(valid_texts(value)), indent=indent, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if value - value == 0.0 else None
    if isinstance(value, dict):
        return {key: _finite(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_finite(member) for member in value]
    return value


def read_text(file: str | os.PathLike[str]) -> str:
    """A text file in UTF-8, without the byte order mark that some editors put in front.

    Raises:
        OSError: it cannot be read.
        ValueError: says what the file is instead.
    """
    data = Path(file).read_bytes()
    for mark, name in _OTHER_MARKS:
        if data.startswith(mark):
            raise ValueError(f"is a text in {name}; save it as UTF-8")
    # Without its mark every second byte of its first letters tells.
    if [byte == 0 for byte in data[:4]] in ([True, False] * 2, [False, True] * 2):
        raise ValueError(f"is a text in {_OTHER_MARKS[-1][1]}; save it as UTF-8")
    try:
        return data.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("not UTF-8 text") from None
