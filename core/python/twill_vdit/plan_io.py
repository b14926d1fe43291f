# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Plan files. The binary module checks them where it is there; without it this module does."""

import copyreg
import os
from collections.abc import Callable
from pathlib import Path

from twill_vdit import plan_json, texts, written_files
from twill_vdit.errors import Error, require
from twill_vdit.native import binary
from twill_vdit.plan import Plan

MOST_BYTES = 64 << 20


def parse_plan(text: str, file_name: str = "plan") -> Plan:
    """A plan from its JSON.

    Args:
        text: of at most 64 MiB.
        file_name: how messages name it.

    Raises:
        Error: names file, path, field and value.
    """
    file_name = texts.valid_text(file_name)
    require(len(text) <= MOST_BYTES, f"{file_name}: larger than {MOST_BYTES} bytes", "file")
    native = None
    if binary is not None:
        native = binary.Plan(text, file_name)
        text = native.to_json()
    return plan_json.read(text, file_name, native)


def read_plan(file: str | os.PathLike[str]) -> Plan:
    """A plan from its file.

    Raises:
        Error: "file"; names file, path, field and value.
    """
    file = Path(file)
    try:
        require(file.stat().st_size <= MOST_BYTES, f"{file}: larger than {MOST_BYTES} bytes", "file")
        text = texts.read_text(file)
    except OSError as error:
        raise Error(f"{file}: {error.strerror}", "file") from None
    except ValueError as error:
        raise Error(f"{file}: {error}", "file") from None
    return parse_plan(text, str(file))


def write_plan(file: str | os.PathLike[str], plan: Plan) -> None:
    """Write a plan: `file`, or what it links to, is the old or the new one, never a half (written_files.py).

    Raises:
        Error: "usage" when something else than a plan stands there, "system" when it cannot be written; both name
            the file.
    """
    if plan.native is not None:
        plan.native.write(os.fspath(file))
        return
    try:
        written_files.check_replaceable(file, "plan")
    except OSError as error:
        raise Error(f"{os.fspath(file)}: cannot be written: {error.strerror}", "system") from None
    written_files.write_file(file, plan.text.encode())


def _reduced(plan: Plan) -> tuple[Callable[[str, str], Plan], tuple[str, str]]:
    # As JSON, which every process can read, with the binary module or without; what was added to the profile since
    # the text was read is in the binary module's plan.
    text = plan.text if plan.native is None else plan.native.to_json()
    return parse_plan, (text, plan.name)


# Here and not in the class, so that plans need not know their reader.
copyreg.pickle(Plan, _reduced)
