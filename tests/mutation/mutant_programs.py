# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Builds test programs with all mutants in them, beside a build, and runs their tests with one of the mutants."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from mutant_sites import Mutation, without_comments
from schemata import Schemata

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


# A mutant that fills the memory ends here, not the machine.
MOST_BYTES = 4 << 30


class MutationError(RuntimeError):
    """The tool cannot go on; the text says why."""


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")


@dataclass
class SuiteTest:
    name: str
    milliseconds: int
    reached: set[int]


@dataclass
class Program:
    name: str
    filter: str  # GoogleTest's, of the tests that count
    command: list[str]
    tests: list[SuiteTest] = field(default_factory=list)


def slow_tests(name: str) -> str:
    """As the program's line in CMakeLists.txt names them."""
    for file in (ROOT / "tests").glob("*/CMakeLists.txt"):
        found = re.search(rf"twill_add_test\({name}\b[^)]*?\bSLOW ([^)]*)\)", file.read_text(encoding="utf-8"))
        if found:
            return ":".join(found[1].split())
    return ""


class Build:
    """folder: a configured build. What is made here stands in its folder `mutants`."""

    def __init__(self, folder: Path, jobs: int):
        self.folder = folder.resolve()
        self.out = self.folder / "mutants"
        self.jobs = jobs
        if not (self.folder / "compile_commands.json").is_file():
            raise MutationError(f"{folder} is no configured build")
        commands = json.loads((self.folder / "compile_commands.json").read_text(encoding="utf-8"))
        self._commands = {str(Path(each["file"]).resolve()): shlex.split(each["command"]) for each in commands}
        self.out.mkdir(exist_ok=True)

    def compiles(self, file: str) -> bool:
        return str(ROOT / file) in self._commands

    def has_program(self, name: str) -> bool:
        return any(f"/CMakeFiles/{name}.dir/" in " ".join(command) for command in self._commands.values())

    def bring_up_to_date(self, programs: Iterable[str]) -> None:
        made = run(["cmake", "--build", str(self.folder), "--parallel", str(self.jobs), "--target", *programs], ROOT)
        if made.returncode:
            raise MutationError(made.stdout[-3000:] + made.stderr[-3000:])

    def _compile(self, source: Path, like: Path, out: Path) -> str:
        """What the compiler complains of; the flags are those of the source that it stands for."""
        command = self._commands.get(str(like))
        if command is None:
            raise MutationError(f"{self.folder} does not compile {like}")
        launcher = [ccache] if (ccache := shutil.which("ccache")) else []
        at = command.index("-o")
        command = [*command[:at], "-w", "-I", str(HERE), "-iquote", str(like.parent), "-o", str(out), "-c", str(source)]
        made = run(launcher + command, self.folder)
        return made.stderr or "the compiler says nothing" if made.returncode else ""

    def compile_mutants(self, file: str, mutants: dict[int, Mutation]) -> set[int]:
        """Compiles a file with its mutants; those that no compiler takes are left out and returned."""
        like, left_out = ROOT / file, set()
        source = self.out / f"{file.replace('/', '-')}"
        while True:
            here = {number: each for number, each in mutants.items() if number not in left_out}
            text = Schemata(without_comments(like.read_bytes()), here)
            left_out |= text.without_place
            source.write_text(text.text, encoding="utf-8")
            said = self._compile(source, like, self.object_of(file))
            if not said:
                return left_out
            lines = (int(line) for line in re.findall(rf"{re.escape(source.name)}:(\d+)", said))
            refused = {text.of_line[line] for line in lines if line in text.of_line}
            if not refused:
                raise MutationError(f"{source} does not compile:\n{said[:3000]}")
            left_out |= refused

    def object_of(self, file: str) -> Path:
        return self.out / f"{file.replace('/', '-')}.o"

    def link(self, name: str, tests: str, files: list[str]) -> Program:
        """The program with the mutants' objects, which the linker takes before its archives' members."""
        source, made_as = next(
            (Path(file), command[command.index("-o") + 1])
            for file, command in self._commands.items()
            if f"/CMakeFiles/{name}.dir/" in command[command.index("-o") + 1]
        )
        switch = self.out / f"{name}.switch.o"
        said = self._compile(HERE / "mutant_switch.cpp", source, switch)
        if said:
            raise MutationError(said)
        target = f"{made_as.partition('/CMakeFiles/')[0]}/{name}"
        told = run(["ninja", "-t", "commands", "-s", target], self.folder).stdout
        words = next((shlex.split(part) for part in told.split("&&") if f"-o {target} " in part), None)
        if words is None:
            raise MutationError(f"ninja does not link {target} in {self.folder}")
        archives = {Path(word).stem.removeprefix("lib") for word in words if word.endswith(".a")}
        objects = [str(self.object_of(file)) for file in files if self._library_of(file) in archives]
        out = self.out / name
        at, first = words.index("-o"), next(i for i, word in enumerate(words) if word.endswith(".o"))
        words[at + 1] = str(out)
        made = run([*words[:first], str(switch), *objects, *words[first:]], self.folder)
        if made.returncode:
            raise MutationError(made.stderr[-3000:])
        # AddressSanitizer reserves more than any limit.
        limit = [] if any("-fsanitize" in word for word in words) else ["prlimit", f"--data={MOST_BYTES}"]
        return Program(name, f"{tests}-{slow_tests(name)}", [*limit, str(out)])

    def _library_of(self, file: str) -> str:
        command = self._commands[str(ROOT / file)]
        return re.search(r"/(\w+)\.dir/", command[command.index("-o") + 1])[1]

    def trace(self, program: Program) -> None:
        """Runs the tests without a mutant and keeps which mutants each comes by."""
        reached = self.out / f"{program.name}.reached"
        reached.unlink(missing_ok=True)
        ran = subprocess.run(
            [*program.command, f"--gtest_filter={program.filter}", "--gtest_brief=1"],
            capture_output=True,
            text=True,
            env={**os.environ, "TWILL_MUTANTS_REACHED": str(reached)},
        )
        if ran.returncode or not reached.is_file():
            raise MutationError(f"{program.name} fails without a mutant:\n{ran.stdout[-3000:]}{ran.stderr[-1000:]}")
        for line in reached.read_text(encoding="utf-8").splitlines():
            name, milliseconds, *numbers = line.split("\t")
            program.tests.append(SuiteTest(name, int(milliseconds), {int(number) for number in numbers}))

    def make(self, wanted: dict[str, str], by_file: dict[str, dict[int, Mutation]]) -> tuple[list[Program], set[int]]:
        """wanted: programs with a filter of their tests. Returns them, and the mutants that do not compile."""
        self.bring_up_to_date(wanted)
        with ThreadPoolExecutor(self.jobs) as pool:
            left_out = set().union(*pool.map(lambda item: self.compile_mutants(*item), by_file.items()))
            programs = list(pool.map(lambda item: self.link(*item, list(by_file)), wanted.items()))
            list(pool.map(self.trace, programs))
        return programs, left_out


@dataclass(frozen=True)
class Run:
    killer: str = ""  # the test that failed, or hung; empty: all passed
    how: str = ""  # "fails", "hangs" or "crashes"
    tests: int = 0


def run_tests(program: Program, tests: list[SuiteTest], number: int) -> Run:
    """Until the first test that fails. A mutant that makes them many times slower hangs.

    Time on the processor decides, which other programs do not lengthen; the clock ends what waits for ever.
    """
    names = ":".join(test.name for test in tests)
    limit = 10 + sum(test.milliseconds for test in tests) // 100
    try:
        ran = subprocess.run(
            ["prlimit", f"--cpu={limit}:{limit + 5}", *program.command, f"--gtest_filter={names}", "--gtest_fail_fast"],
            capture_output=True,
            timeout=20.0 * limit,
            env={**os.environ, "TWILL_MUTANT": str(number)},
        )
        said, how = ran.stdout, {1: "fails", -signal.SIGXCPU: "hangs"}.get(ran.returncode, "crashes")
        if ran.returncode == 0:
            return Run(tests=len(tests))
    except subprocess.TimeoutExpired as late:
        said, how = late.stdout or b"", "hangs"
    text = said.decode(errors="replace")
    failed = re.findall(r"^\[  FAILED  \] ([\w./]+)", text, re.MULTILINE) if how == "fails" else []
    began = re.findall(r"^\[ RUN      \] ([\w./]+)", text, re.MULTILINE)
    killer = (failed or began[-1:] or ["before the first test"])[0]
    return Run(f"{program.name}: {killer}", how, len(tests))


def run_mutant(programs: list[Program], number: int, wanted: list[str] | None = None) -> Run:
    """Runs the tests that come by the mutant; `wanted`: only those that have one of these as a part of their names."""
    tests = 0
    for program in programs:
        concerned = [
            test
            for test in program.tests
            if number in test.reached and (wanted is None or any(name in test.name for name in wanted))
        ]
        if concerned:
            ran = run_tests(program, concerned, number)
            if ran.killer:
                return ran
            tests += len(concerned)
    return Run(tests=tests)
