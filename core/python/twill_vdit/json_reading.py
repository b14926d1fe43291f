# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The one way in for JSON from outside, here and in the ComfyUI nodes.

Python's own reader calls itself once per level and fails at a depth that depends on who calls it; so depth is limited
before it is called. It also takes what is no JSON (NaN, half a surrogate pair) or has no one meaning (a field twice).
"""

import json
import re
from typing import Any

from twill_vdit.errors import Error

__all__ = ["MOST_DEPTH", "parse_json", "shown_json"]

MOST_DEPTH = 16  # as the binary module has it
_MOST_SHOWN = 40

# A text that does not end reaches to the end of all, so that nothing is looked at twice.
_TOKENS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)


def _check_depth(text: str, source: str) -> None:
    depth = 0
    for token in _TOKENS.finditer(text):
        if token[0] in "[{":
            depth += 1
            if depth > MOST_DEPTH:
                line = text.count("\n", 0, token.start()) + 1
                column = token.start() - text.rfind("\n", 0, token.start())
                raise Error(f"{source}: line {line}, column {column}: nested deeper than {MOST_DEPTH}", "file")
        elif token[0] in "]}":
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"field {shown_json(name)} is there twice")
        found[name] = value
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def parse_json(text: str | bytes, source: str, *, infinity: bool = False) -> Any:
    """The value of a JSON text from outside.

    Args:
        text: UTF-8 where it is bytes.
        source: how messages name it.
        infinity: also take Infinity and NaN, as Python writes them into our own files.

    Raises:
        Error: "file"; begins with `source` and says what is wrong with the text.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode()
        _check_depth(text, source)
        value = json.loads(text, object_pairs_hook=_object, parse_constant=float if infinity else _no_constant)
        # An escape may name half a character, which no file can hold.
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except UnicodeDecodeError:
        raise Error(f"{source}: not UTF-8 text", "file") from None
    except UnicodeEncodeError:
        raise Error(f"{source}: not JSON: an escape names half a character", "file") from None
    except json.JSONDecodeError as error:
        raise Error(f"{source}: line {error.lineno}, column {error.colno}: not JSON: {error.msg}", "file") from None
    except ValueError as error:  # a number of thousands of digits, and what is refused above
        raise Error(f"{source}: not JSON: {error}", "file") from None


def shown_json(value: Any) -> str:
    """A value of any depth and length for a message."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, str):
        cut = "..." if len(value) > _MOST_SHOWN else ""
        return json.dumps(value[:_MOST_SHOWN] + cut, ensure_ascii=False)
    text = json.dumps(value)
    return text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "..."
