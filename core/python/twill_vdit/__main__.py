# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""python -m twill_vdit doctor"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import twill_vdit
from twill_vdit import doctor


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
    report = doctor.examine(given.model, given.folder)
    print(json.dumps(report.as_dict(), indent=2) if given.json else doctor.describe(report))
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
