# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Plan files. The binary module checks them where it is there; without it this module does."""

import os
import tempfile
from pathlib import Path

from twill_vdit import plan_json
from twill_vdit.errors import Error, require
from twill_vdit.native import binary
from twill_vdit.plan import Plan

MOST_BYTES = 64 << 20


def parse_plan(text: str, file_name: str = "plan") -> Plan:
    """Throws Error naming file, path, field and value."""
    native = None
    if binary is not None:
        native = binary.Plan(text, file_name)
        text = native.to_json()
    return plan_json.read(text, file_name, native)


def read_plan(file: str | os.PathLike) -> Plan:
    file = Path(file)
    try:
        require(file.stat().st_size <= MOST_BYTES, f"{file}: larger than {MOST_BYTES} bytes", "file")
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise Error(f"{file}: {error.strerror}", "file") from None
    except UnicodeDecodeError:
        raise Error(f"{file}: not UTF-8 text", "file") from None
    return parse_plan(text, str(file))


def write_plan(file: str | os.PathLike, plan: Plan) -> None:
    """Writes a temporary file beside `file`, then renames it."""
    file = Path(file)
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, delete=False) as temporary:
            temporary.write(plan.text)
        os.replace(temporary.name, file)
    except OSError as error:
        raise Error(f"{file}: cannot be written ({error.strerror})", "system") from None
