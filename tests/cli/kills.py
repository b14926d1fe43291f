# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Ends `twill` by kill -9 at random moments of search, generate and evaluate, and looks at what it leaves: every output
is the old or the new one, the next run makes what an undisturbed one makes, and then nothing else lies there.

    TWILL_BUILD_DIR=build/ci python tests/cli/kills.py --moments 50 --seed 1

Half of the moments are spread evenly over the run; at the others something is just being written.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

UNFINISHED = ".twill-"
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


@dataclass(frozen=True)
class Verb:
    """command: (folder, seed) -> arguments. result: of an output file, what two equal runs have equal."""

    command: Callable[[Path, int], list]
    result: Callable[[Path], object] = Path.read_bytes


@dataclass
class Tally:
    kills: int = 0
    ended: int = 0  # runs that had ended before their moment
    while_writing: int = 0  # kills that left an unfinished file
    faults: list[str] = field(default_factory=list)


def without_times(file: Path) -> object:
    if file.suffix != ".json":
        return file.read_bytes()
    report = json.loads(file.read_text())
    return report["psnr_db"], report["density"], report["seeds"], [row["psnr_db_frames"] for row in report["rows"]]


def verbs(model: Path, plan: Path) -> dict[str, Verb]:
    # Small: what the VAE sums in fp32 may differ in its last bits from process to process, and of many pixels one may
    # then be rounded otherwise.
    make = ("--quiet", "--model", model, "--prompt", "a red ball", "--size", "64x64", "--frames", 9)

    def clip(name: str, *more: object) -> Callable[[Path, int], list]:
        return lambda folder, seed: ["generate", *make, "--seed", seed, "--out", folder / name, *more]

    return {
        "search": Verb(
            lambda folder, seed: ["search", *make, "--points", 2, "--seed", seed, "--out", folder / "plan.json"],
            lambda file: file.read_bytes() if file.name == "plan.json" else json.loads(file.read_text())["density"],
        ),
        "generate": Verb(clip("clip.mp4", "--plan", plan, "--compare")),
        "generate frames": Verb(clip("frames")),
        "evaluate": Verb(
            lambda folder, seed: [
                *("evaluate", *make, "--prompt", "a blue ball", "--seed", seed, "--plan", plan),
                *("--out", folder / "report.json", "--save-clips", folder / "clips"),
            ],
            without_times,
        ),
    }


def files_in(folder: Path) -> set[str]:
    """What a run keeps for the next, in a folder of its own, is no output."""
    found = (file.relative_to(folder) for file in folder.rglob("*") if not file.is_dir())
    return {str(file) for file in found}


def outputs_in(folder: Path, verb: Verb) -> dict[str, object]:
    names = (name for name in files_in(folder) if ".work/" not in name and UNFINISHED not in name)
    return {name: verb.result(folder / name) for name in names}


class Kills:
    def __init__(self, program: Path, name: str, verb: Verb, scratch: Path) -> None:
        self._program, self._name, self._verb, self._scratch = program, name, verb, scratch
        self.tally = Tally()
        self._old, self._new = scratch / f"{name} old", scratch / f"{name} new"
        for folder, seed in ((self._old, 1), (self._new, 2)):
            folder.mkdir()
            begin = time.monotonic()
            subprocess.run(self._command(folder, seed), check=True, **QUIET)
            self._seconds = time.monotonic() - begin
        # Work folders hold both runs' kept results at the end.
        shutil.copytree(self._old, scratch / f"{name} both")
        subprocess.run(self._command(scratch / f"{name} both", 2), check=True, **QUIET)
        self._expected_files = files_in(scratch / f"{name} both")
        self._expected = outputs_in(self._new, verb)

    def _command(self, folder: Path, seed: int) -> list[str]:
        return [str(part) for part in (self._program, *self._verb.command(folder, seed))]

    def at(self, moment: float, writing: bool) -> None:
        """moment: share of the run; with `writing`, the first moment after it at which something is being written."""
        folder = self._scratch / f"{self._name} {self.tally.kills}"
        shutil.copytree(self._old, folder)
        begin = time.monotonic()
        running = subprocess.Popen(self._command(folder, 2), **QUIET)
        time.sleep(moment * self._seconds)
        while writing and running.poll() is None and not self._unfinished(folder):
            pass
        running.kill()
        code = running.wait()
        self.tally.kills += 1
        self.tally.ended += code == 0
        self.tally.while_writing += bool(self._unfinished(folder))
        self._look(folder, f"{self._name}, killed after {time.monotonic() - begin:.3f} s")
        shutil.rmtree(folder)

    def _unfinished(self, folder: Path) -> list[str]:
        return [name for _, folders, files in os.walk(folder) for name in (*folders, *files) if UNFINISHED in name]

    def _look(self, folder: Path, where: str) -> None:
        old = outputs_in(self._old, self._verb)
        try:
            left = outputs_in(folder, self._verb)
        except ValueError as error:
            self.tally.faults.append(f"{where}: half a file: {error}")
            return
        for name in old.keys() | left.keys():
            if left.get(name) not in (old.get(name), self._expected.get(name)) or (name in old and name not in left):
                self.tally.faults.append(f"{where}: {name} is neither the old nor the new one")
        again = subprocess.run(self._command(folder, 2), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if again.returncode != 0:
            self.tally.faults.append(f"{where}: the next run fails: {again.stderr.strip()}")
            return
        if outputs_in(folder, self._verb) != self._expected:
            self.tally.faults.append(f"{where}: the next run makes something else")
        if files_in(folder) != self._expected_files:
            self.tally.faults.append(f"{where}: lies there: {sorted(files_in(folder) ^ self._expected_files)}")


def run(program: Path, model: Path, plan: Path, moments: int, seed: int, names: list[str]) -> dict[str, Tally]:
    chance = random.Random(seed)
    tallies = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            kills = Kills(program, name, verbs(model, plan)[name], Path(scratch))
            for number in range(moments):
                kills.at(chance.random(), writing=number % 2 == 1)
            tallies[name] = kills.tally
    return tallies


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moments", type=int, default=50, help="kills of each verb")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--verb", action="append", help="one of them only; may be given several times")
    given = parser.parse_args()
    build = Path(os.environ["TWILL_BUILD_DIR"])
    program = build / "core/cli/twill"
    with tempfile.TemporaryDirectory() as made:
        model, plan = Path(made) / "model", Path(made) / "plan.json"
        subprocess.run([build / "tests/jobs/write_tiny_model", model], check=True)
        subprocess.run(
            [program, "search", "--quiet", "--model", model, "--prompt", "a red ball", "--out", plan],
            check=True,
            **QUIET,
        )
        faults = []
        for name, tally in run(
            program, model, plan, given.moments, given.seed, given.verb or list(verbs(model, plan))
        ).items():
            print(
                f"{name}: {tally.kills} kills, {tally.while_writing} of them left an unfinished file, "
                f"{tally.ended} came after the end; {len(tally.faults)} faults"
            )
            faults += tally.faults
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
