# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""One plain summary of JUnit result files: why tests were skipped, and how many passed, failed and were skipped."""

import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path


def outcome(case: ElementTree.Element) -> str:
    # ctest marks a disabled or skipped test by its status; pytest and ctest both mark failures by a child element.
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    if case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
        return "skipped"
    return "passed"


def skip_reason(case: ElementTree.Element) -> str:
    skipped = case.find("skipped")
    reason = skipped.get("message", "") if skipped is not None else ""
    output = case.findtext("system-out") or ""
    # GoogleTest prints the reason on the line after "file:line: Skipped".
    after = output.partition(": Skipped\n")[2].strip()
    if after:
        reason = after.splitlines()[0]
    return reason or "no reason given"


def counts(outcomes: Counter[str]) -> str:
    return f"{outcomes['passed']} passed, {outcomes['failed']} failed, {outcomes['skipped']} skipped"


def main(files: list[str]) -> int:
    total: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    broken = False
    for name in files:
        try:
            cases = list(ElementTree.parse(Path(name)).iter("testcase"))
        except (OSError, ElementTree.ParseError) as error:
            print(f"{name}: no results ({error})")
            broken = True
            continue
        outcomes = Counter(outcome(case) for case in cases)
        reasons.update(skip_reason(case) for case in cases if outcome(case) == "skipped")
        total.update(outcomes)
        print(f"{Path(name).stem}: {counts(outcomes)}")
    for reason, count in reasons.most_common():
        print(f"  skipped {count}: {reason}")
    print(counts(total))
    return 1 if broken or total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
