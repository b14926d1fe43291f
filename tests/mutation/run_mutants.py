#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Says which mutants of the code behind published figures the tests notice (README.md)."""

import argparse
import json
import os
import sys
import time
import tomllib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from mutant_programs import ROOT, Build, MutationError, Run, run_mutant
from mutant_sites import Mutation, named_site, sites, without_comments

LISTS = Path(__file__).resolve().parent / "mutants.toml"


@dataclass
class Mutant:
    number: int
    mutation: Mutation
    title: str = ""  # of a named one
    notices: tuple[str, ...] = ()  # parts of the names of the tests that must notice a named one
    equivalent: str = ""  # why it makes no difference
    run: Run = field(default_factory=Run)

    @property
    def state(self) -> str:
        killed = self.run.killer
        if self.equivalent:
            return "equivalent, but noticed" if killed else "equivalent"
        return "killed" if killed else "survived"

    @property
    def is_fine(self) -> bool:
        return self.state in ("killed", "equivalent")


def read_lists(file: Path = LISTS) -> dict:
    return tomllib.loads(file.read_text(encoding="utf-8"))


def named_mutations(lists: dict, files: Iterable[str]) -> list[tuple[dict, Mutation]]:
    named = [each for each in lists["named"] if each["file"] in files]
    return [
        (each, named_site(each["file"], without_comments((ROOT / each["file"]).read_bytes()), each["old"], each["new"]))
        for each in named
    ]


def drawn_mutations(files: list[str], most: int | None, seed: int) -> list[Mutation]:
    """In the order of the draw: files by turns, and of each by a hash that other lines do not change."""
    by_file = [
        sorted(sites(file, without_comments((ROOT / file).read_bytes())), key=lambda each: each.rank(seed))
        for file in files
    ]
    turns = max(map(len, by_file))
    drawn = [of_file[turn] for turn in range(turns) for of_file in by_file if turn < len(of_file)]
    return drawn[:most]


def reasons_of(lists: dict) -> dict[tuple, str]:
    listed = lists.get("equivalent", [])
    return {(each["file"], each["line"], each["change"], each.get("nth", 0)): each["why"] for each in listed}


class Trial:
    """Numbers the mutants, builds the programs and runs them."""

    def __init__(self, build: Build, lists: dict, files: list[str]):
        # A build without LibTorch lacks core/jobs.
        self.build, self.lists, self.files = build, lists, [file for file in files if build.compiles(file)]
        self.programs = {name: tests for name, tests in lists["programs"].items() if build.has_program(name)}

    def run(self, drawn: int | None, seed: int, named: bool = True) -> list[Mutant]:
        mutants = [
            Mutant(0, mutation, each["why"], tuple(each["tests"]))
            for each, mutation in (named_mutations(self.lists, self.files) if named else [])
        ]
        reasons = reasons_of(self.lists)
        # Some more are built than run: not every one compiles.
        spare = None if drawn is None else drawn + drawn // 2
        of_draw = drawn_mutations(self.files, spare, seed) if drawn != 0 else []
        mutants += [Mutant(0, mutation, equivalent=reasons.get(mutation.key, "")) for mutation in of_draw]
        for number, mutant in enumerate(mutants):
            mutant.number = number
        by_file: dict[str, dict[int, Mutation]] = {}
        for mutant in mutants:
            by_file.setdefault(mutant.mutation.file, {})[mutant.number] = mutant.mutation
        programs, left_out = self.build.make(self.programs, by_file)
        for mutant in mutants:
            if mutant.title and mutant.number in left_out:
                raise MutationError(f'named mutant "{mutant.title}": no compiler takes it, or no switch fits there')
        mutants = [mutant for mutant in mutants if mutant.number not in left_out]
        count = len(mutants) if drawn is None else sum(1 for mutant in mutants if mutant.title) + drawn
        mutants = mutants[:count]
        with ThreadPoolExecutor(self.build.jobs) as pool:

            def work(mutant: Mutant) -> None:
                mutant.run = run_mutant(programs, mutant.number, list(mutant.notices) or None)

            list(pool.map(work, mutants))
        return mutants


def row(mutant: Mutant) -> str:
    where = f"{mutant.mutation.file}:{mutant.mutation.line}"
    what = mutant.title or f"{mutant.mutation.operator}: {mutant.mutation.change} in `{mutant.mutation.line_text}`"
    killer = mutant.run.killer and f"{mutant.run.killer} ({mutant.run.how})"
    by = killer or mutant.equivalent or f"{mutant.run.tests} tests pass"
    return f"| {mutant.state} | {where} | {what} | {by} |"


def entry(mutant: Mutant) -> str:
    """For the list of equivalent ones, if it is one."""
    file, line, change, nth = mutant.mutation.key
    lines = ["[[equivalent]]", f"file = {json.dumps(file)}", f"line = '''{line}'''", f"change = '''{change}'''"]
    return "\n".join([*lines, *([f"nth = {nth}"] if nth else []), 'why = ""', ""])


def report(mutants: list[Mutant]) -> str:
    fine = sum(mutant.is_fine for mutant in mutants)
    rows = ["| state | where | mutant | noticed by, or why not |", "|---|---|---|---|", *map(row, mutants)]
    survivors = [entry(mutant) for mutant in mutants if mutant.state == "survived" and not mutant.title]
    return "\n".join([*rows, "", f"{fine} of {len(mutants)} are noticed or equivalent.", *survivors])


def as_json(mutants: list[Mutant]) -> str:
    return json.dumps(
        [
            {
                "state": mutant.state, "file": mutant.mutation.file, "line": mutant.mutation.line,
                "operator": mutant.mutation.operator, "change": mutant.mutation.change, "title": mutant.title,
                "line_text": mutant.mutation.line_text, "killed_by": mutant.run.killer, "how": mutant.run.how,
                "why_equivalent": mutant.equivalent,
            }
            for mutant in mutants
        ],
        indent=1,
    )  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build-dir", type=Path, default=ROOT / "build/ci", help="a configured build with tests")
    parser.add_argument("--drawn", type=int, default=30, help="how many mutants are drawn; -1: all there are")
    parser.add_argument("--seed", type=int, default=1, help="of the draw")
    parser.add_argument("--file", action="append", help="only this source file; may be given again")
    parser.add_argument("--no-named", action="store_true", help="without those of mutants.toml")
    parser.add_argument("--jobs", type=int, default=int(os.environ.get("TWILL_JOBS") or os.cpu_count() or 1))
    parser.add_argument("--json", type=Path, help="also writes the outcome here")
    told = parser.parse_args()
    lists, begin = read_lists(), time.monotonic()
    files = told.file or lists["files"]
    try:
        trial = Trial(Build(told.build_dir, told.jobs), lists, files)
        mutants = trial.run(None if told.drawn < 0 else told.drawn, told.seed, not told.no_named)
    except MutationError as error:
        print(error, file=sys.stderr)
        return 2
    print(report(mutants))
    print(f"{time.monotonic() - begin:.0f} s", file=sys.stderr)
    if told.json:
        told.json.write_text(as_json(mutants) + "\n", encoding="utf-8")
    return 0 if all(mutant.is_fine for mutant in mutants) else 1


if __name__ == "__main__":
    sys.exit(main())
