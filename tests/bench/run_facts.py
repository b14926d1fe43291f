# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The `run` object that every result begins with: command, device, driver, versions, commit, date, code, not_known.

The Python benchmarks write it with `run_facts`. A result of a C++ program gets it on the machine that measured:

    python tests/bench/run_facts.py --into results.json --name studio --command "bench_studio --repeats 60"

`code` is the sha256 of the files that results/speaks_of.json names for the result. `not_known` lists what could not be
told; nothing is guessed.
"""

import argparse
import datetime
import functools
import hashlib
import json
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INDEX = ROOT / "tests" / "bench" / "results" / "speaks_of.json"
ALWAYS = ("command", "device", "versions", "commit", "date")
# Facts that some results have besides; each stands in the object or in its not_known.
OF_A_PROFILE = "profile"
OF_A_RULE = ("lambda", "epsilon")


def words_of(command: list[str]) -> str:
    """What it prints; empty where there is no such program or it fails."""
    if shutil.which(command[0]) is None:
        return ""
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return found.stdout.strip() if found.returncode == 0 else ""


def commit() -> str:
    """Of the checkout, with `-dirty` where files differ from it, or what TWILL_COMMIT says of a copy without git."""
    return os.environ.get("TWILL_COMMIT") or words_of(["git", "describe", "--always", "--dirty", "--exclude=*"])


def driver() -> str:
    lines = words_of(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]).splitlines()
    return lines[0] if lines else ""


def cpu_name() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def cpu() -> str:
    return f"{cpu_name()}, {len(os.sched_getaffinity(0))} threads"


def files_of(patterns: list[str]) -> list[Path]:
    """Of a list of paths and globs below the root; of a folder, all files in it."""
    found: set[Path] = set()
    for pattern in patterns:
        matched = [each for each in ROOT.glob(pattern) if "__pycache__" not in each.parts]
        if not matched:
            raise FileNotFoundError(f"{pattern}: nothing of that name")
        for each in matched:
            found |= {each} if each.is_file() else {file for file in each.rglob("*") if file.is_file()}
    return sorted(file for file in found if file.suffix != ".pyc")


def read_index() -> dict:
    return json.loads(INDEX.read_text(encoding="utf-8"))


@functools.cache
def code_sha256(patterns: tuple[str, ...]) -> str:
    """Over names and contents."""
    digest = hashlib.sha256()
    for file in files_of(list(patterns)):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(ROOT).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def run_facts(
    name: str,
    command: str,
    device: str = "",
    versions: dict | None = None,
    code: list[str] | None = None,
    **more: object,
) -> dict:
    """name: of the result in the index. device: of a GPU; without one it is the CPU. more: profile, lambda, epsilon.

    code: what the result speaks of, where it is not in the index yet.
    """
    facts = {
        "command": command,
        "device": device or cpu(),
        **({"driver": driver()} if device else {}),
        "versions": {"python": platform.python_version(), **(versions or {})},
        "commit": commit(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "code": code_sha256(tuple(code or read_index()[name]["code"])),
        **more,
    }
    known = {key: value for key, value in facts.items() if value}
    return {**known, "not_known": [key for key in facts if key not in known]}


def torch_versions() -> dict:
    """Of torch and what it runs with on this machine."""
    import torch

    found = {"torch": torch.__version__}
    if torch.cuda.is_available():
        found |= {"cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}
    return found


def sha256_of(file: Path | None) -> str:
    """Of a profile; empty where there is none."""
    return hashlib.sha256(file.read_bytes()).hexdigest() if file else ""


def write(file: Path, result: dict, indent: int = 1) -> None:
    with tempfile.NamedTemporaryFile("w", dir=file.parent, encoding="utf-8", delete=False) as temporary:
        json.dump(result, temporary, indent=indent)
        temporary.write("\n")
    os.chmod(temporary.name, 0o644)
    os.replace(temporary.name, file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--name", choices=list(read_index()), required=True)
    parser.add_argument("--command", required=True, help="the one that measured")
    parser.add_argument("--gpu", action="store_true", help="the GPU was measured, not the CPU")
    parser.add_argument("--profile", type=Path, help="the file of the profile that was used")
    given = parser.parse_args()
    gpu = words_of(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]).splitlines()
    if given.gpu and not gpu:
        parser.error("there is no GPU that nvidia-smi tells of")
    more = {OF_A_PROFILE: sha256_of(given.profile)} if given.profile else {}
    facts = run_facts(given.name, given.command, gpu[0] if given.gpu else "", **more)
    result = json.loads(given.into.read_text(encoding="utf-8"))
    write(given.into, {"run": facts, **{key: value for key, value in result.items() if key != "run"}})


if __name__ == "__main__":
    main()
