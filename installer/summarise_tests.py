# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""One plain summary of JUnit result files: why tests were skipped, which failed, and how many did what.

A program that ctest knows as a whole only (TOGETHER in tests/CMakeLists.txt) writes a file of its own under its name.
"""

import re
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


def failure_message(case: ElementTree.Element) -> str:
    """The test's name and the first lines of what it said: GoogleTest's first is only where."""
    fault = case.find("failure")
    fault = case.find("error") if fault is None else fault
    text = "" if fault is None else f"{fault.get('message') or ''}\n{fault.text or ''}"
    said = " ".join([line.strip() for line in text.splitlines() if line.strip()][:4])[:300] or "no message"
    name = ".".join(part for part in (case.get("classname"), case.get("name")) if part)
    return f"{name}: {said}"


def skip_reason(case: ElementTree.Element) -> str:
    skipped = case.find("skipped")
    reason = skipped.get("message", "") if skipped is not None else ""
    output = case.findtext("system-out") or ""
    # GoogleTest prints the reason on the line after "file:line: Skipped".
    after = output.partition(": Skipped\n")[2].strip()
    if after:
        reason = after.splitlines()[0]
    # In its own files the reason stands below the line "file:line".
    return re.sub(r"^\S+:\d+\n", "", reason) or "no reason given"


def without_wholes(files: dict[Path, list[ElementTree.Element]]) -> dict[Path, list[ElementTree.Element]]:
    """Leaves out ctest's word on a whole program whose own file says as much."""
    failed = {file.stem: any(outcome(case) == "failed" for case in cases) for file, cases in files.items()}

    def is_told(case: ElementTree.Element) -> bool:
        name = case.get("name", "")
        return name in failed and (outcome(case) == "failed") == failed[name]

    return {file: [case for case in cases if not is_told(case)] for file, cases in files.items()}


def counts(outcomes: Counter[str]) -> str:
    return f"{outcomes['passed']} passed, {outcomes['failed']} failed, {outcomes['skipped']} skipped"


def main(files: list[str]) -> int:
    total: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    failures: list[str] = []
    broken = False
    read = {}
    for name in files:
        try:
            read[Path(name)] = list(ElementTree.parse(Path(name)).iter("testcase"))
        except (OSError, ElementTree.ParseError) as error:
            print(f"{name}: no results ({error})")
            broken = True
    for file, cases in without_wholes(read).items():
        outcomes = Counter(outcome(case) for case in cases)
        reasons.update(skip_reason(case) for case in cases if outcome(case) == "skipped")
        failures += [failure_message(case) for case in cases if outcome(case) == "failed"]
        total.update(outcomes)
        print(f"{file.stem}: {counts(outcomes)}")
    for reason, count in reasons.most_common():
        print(f"  skipped {count}: {reason}")
    for failure in failures:
        print(f"  failed: {failure}")
    print(counts(total))
    return 1 if broken or total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
