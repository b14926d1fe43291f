# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The command python -m twill_vdit doctor."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import twill_vdit
from twill_vdit import doctor
from twill_vdit.texts import json_text, valid_text


def main(arguments: Sequence[str] | None = None) -> int:
    """0: nothing is wrong (something may be missing); 1: something is wrong; 2: wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m twill_vdit", description="Sparse attention plans")
    parser.add_argument("--version", action="version", version=twill_vdit.__version__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("doctor", help="what this installation and machine can do, and what is missing")
    verb.add_argument("--json", action="store_true", help="one JSON object")
    verb.add_argument("--model", action="append", default=[], type=Path, help="a model folder to look at")
    verb.add_argument("--folder", action="append", default=[], type=Path, help="a folder that must be writable")
    given = parser.parse_args(arguments)
    try:
        report = doctor.examine(given.model, given.folder)
    except Exception as error:  # whatever it is, who asked hears it in the form that was asked for
        sentence = valid_text(str(error) or type(error).__name__)
        print(f"twill_vdit: {sentence}", file=sys.stderr)
        if given.json:
            print(json_text({"error": sentence, "exit_code": 1}))
        return 1
    print(json_text(report.as_dict(), indent=2) if given.json else valid_text(doctor.describe(report)))
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
