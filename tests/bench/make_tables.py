# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Writes the tables of pages from the result files: what stands between `<!-- table: NAME -->` and its end.

    python tests/bench/make_tables.py [--check]

--check writes nothing and fails if a page is not what would be written. result_tables.py makes the tables.
"""

import argparse
import re
import sys

import result_tables
from result_paths import ROOT

PAGES = ("tests/bench/README.md", "kernels/README.md")
END = "<!-- end of the table -->"
TABLE = re.compile(rf"^<!-- table: (\w+) -->$.*?^{END}$", re.DOTALL | re.MULTILINE)


def with_tables(page: str) -> str:
    def written(match: re.Match) -> str:
        name = match.group(1)
        return f"<!-- table: {name} -->\n{result_tables.text_of(name)}\n{END}"

    return TABLE.sub(written, page)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    stale = []
    for name in PAGES:
        text = (ROOT / name).read_text(encoding="utf-8")
        if text != with_tables(text):
            stale.append(name)
            if not arguments.check:
                (ROOT / name).write_text(with_tables(text), encoding="utf-8")
    print("\n".join(stale) if stale else "nothing to write")
    return 1 if arguments.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
