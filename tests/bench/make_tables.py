# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Writes results/speaks_of.json and the tables of pages from the result files.

A table stands between `<!-- table: NAME -->` and its end; result_tables.py makes it.

    python tests/bench/make_tables.py [--check]

--check writes nothing and fails if a file is not what would be written.
"""

import argparse
import json
import re
import sys

import result_index
import result_tables
import run_facts
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
    index = run_facts.read_index()
    fresh = result_index.brought_up_to_date(index)
    if index != fresh:
        stale.append(run_facts.INDEX.name)
        if not arguments.check:
            run_facts.INDEX.write_text(json.dumps(fresh, indent=1) + "\n", encoding="utf-8")
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
