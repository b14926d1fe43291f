# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Puts the wheel twill-vdit and the node pack into a ComfyUI, or looks whether they are in order there.

python installer/install_comfy.py PATH            installs: PATH is ComfyUI's folder, with main.py in it
python installer/install_comfy.py PATH --check    changes nothing; exit code 1 when something is wrong
python installer/install_comfy.py PATH --remove   takes both out again; plans that were made stay
"""

import argparse
import filecmp
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACK_FOLDER = "twill"  # in custom_nodes
DISTRIBUTION = "twill-vdit"
OLDEST_COMFYUI = (0, 30)
OLDEST_TORCH = (2, 4)
# Where a ComfyUI's own Python may stand, seen from its folder: virtual environments, and Windows' portable package.
PYTHONS = (
    ".venv/bin/python",
    "venv/bin/python",
    ".venv/Scripts/python.exe",
    "venv/Scripts/python.exe",
    "../python_embeded/python.exe",
)
# Asked in ComfyUI's Python, which need not be the one that runs this.
QUESTION = """
import importlib.util, json
from importlib import metadata
answer = {}
for name in ("torch", "twill-vdit"):
    try:
        answer[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        answer[name] = ""
print(json.dumps(answer))
"""


class InstallError(Exception):
    """One sentence for whoever runs this."""


@dataclass(frozen=True)
class ComfyUI:
    folder: Path
    python: Path

    @property
    def pack(self) -> Path:
        return self.folder / "custom_nodes" / PACK_FOLDER

    @property
    def plans(self) -> Path:
        return self.folder / "models" / "sparse_plans"


def find_comfyui(folder: Path, python: Path | None) -> ComfyUI:
    for part in ("main.py", "comfyui_version.py", "custom_nodes"):
        if not (folder / part).exists():
            raise InstallError(f"{folder}: no ComfyUI's folder, {part} is not there")
    if python is None:
        python = next((folder / name for name in PYTHONS if (folder / name).exists()), None)
        if python is None:
            raise InstallError(f"{folder}: ComfyUI's Python was not found beside it; name it with --python")
    found = shutil.which(python)
    if found is None:
        raise InstallError(f"{python}: no such program")
    # Not resolved: a virtual environment is known by the path of its link.
    return ComfyUI(folder, Path(found).absolute())


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version.split("+")[0])[:2]))


def version_of_comfyui(folder: Path) -> str:
    found = re.search(r"__version__\s*=\s*[\"']([\d.]+)", (folder / "comfyui_version.py").read_text(encoding="utf-8"))
    return found.group(1) if found else ""


def version_of_pack(pack: Path) -> str:
    description = pack / "pyproject.toml"
    if not description.is_file():
        raise InstallError(f"{description}: no such file; this is not the node pack")
    found = re.search(r"^version\s*=\s*\"([^\"]+)\"", description.read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        raise InstallError(f"{description}: names no version")
    return found.group(1)


def ask(comfyui: ComfyUI) -> dict[str, str]:
    try:
        result = subprocess.run([comfyui.python, "-c", QUESTION], capture_output=True, text=True, timeout=120)
        return json.loads(result.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        raise InstallError(f"{comfyui.python}: does not run as a Python") from None


def pack_files(pack: Path) -> set[Path]:
    """Of the pack, relative; without what running it leaves and what is hidden."""
    return {
        file.relative_to(pack)
        for file in pack.rglob("*")
        if file.is_file() and not any(part == "__pycache__" or part[0] == "." for part in file.relative_to(pack).parts)
    }


def wrong_with_pack(comfyui: ComfyUI, pack: Path) -> Iterator[str]:
    if not comfyui.pack.is_dir():
        yield f"{comfyui.pack}: the node pack is not installed"
        return
    wanted, there = pack_files(pack), pack_files(comfyui.pack)
    differ = sorted(
        {*(wanted ^ there), *(f for f in wanted & there if not filecmp.cmp(pack / f, comfyui.pack / f, shallow=False))}
    )
    if differ:
        yield f"{comfyui.pack}: {len(differ)} files are not those of this version, {differ[0]} first; install again"
    for other in sorted(comfyui.folder.glob("custom_nodes/*/pyproject.toml")):
        if other.parent != comfyui.pack and re.search(r"^name\s*=\s*\"twill\"", other.read_text("utf-8"), re.MULTILINE):
            yield f"{other.parent}: a second copy of the node pack; remove one of the two"


def wrong_with(comfyui: ComfyUI, pack: Path) -> Iterator[str]:
    comfyui_version = version_of_comfyui(comfyui.folder)
    if numbers(comfyui_version) < OLDEST_COMFYUI:
        wanted = ".".join(map(str, OLDEST_COMFYUI))
        yield f"{comfyui.folder}: ComfyUI {comfyui_version or 'of no version'} is older than {wanted}; update it"
    there = ask(comfyui)
    if not there["torch"]:
        yield f"{comfyui.python}: torch is not installed there; is this ComfyUI's Python?"
    elif numbers(there["torch"]) < OLDEST_TORCH:
        yield f"{comfyui.python}: torch {there['torch']} is older than {'.'.join(map(str, OLDEST_TORCH))}"
    if not there[DISTRIBUTION]:
        yield f"{comfyui.python}: {DISTRIBUTION} is not installed there; install it, or run this without --check"
    else:
        if there[DISTRIBUTION] != version_of_pack(pack):
            yield f"{DISTRIBUTION} {there[DISTRIBUTION]} is installed, the node pack is for {version_of_pack(pack)}"
        yield from doctors_problems(comfyui)
    yield from wrong_with_pack(comfyui, pack)
    folder = next(f for f in (comfyui.plans, *comfyui.plans.parents) if f.exists())
    if not os.access(folder, os.W_OK):
        yield f"{comfyui.plans}: plans cannot be written there"


def doctors_problems(comfyui: ComfyUI) -> list[str]:
    command = [comfyui.python, "-m", "twill_vdit", "doctor", "--json"]
    with tempfile.TemporaryDirectory() as elsewhere:  # ComfyUI's folder has modules of its own
        result = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=elsewhere)
    try:
        return json.loads(result.stdout)["problems"]
    except ValueError:
        lines = result.stderr.strip().splitlines() or ["it said nothing"]
        return [f"{DISTRIBUTION} does not run in {comfyui.python}: {lines[-1]}"]


def pip(comfyui: ComfyUI, *arguments: str) -> None:
    command = [str(comfyui.python), "-m", "pip", "--disable-pip-version-check", *arguments]
    if subprocess.run(command).returncode != 0:
        raise InstallError(f"pip failed: {' '.join(command)}")


def install(comfyui: ComfyUI, pack: Path, wheel: Path | None) -> None:
    version_of_pack(pack)
    # torch stays as ComfyUI has it: the wheel does not ask for it.
    pip(comfyui, "install", "--quiet", "--upgrade", str(wheel or ROOT))
    # The folder appears whole: ComfyUI may be started meanwhile, and reads hidden folders as nothing.
    parent = comfyui.pack.parent
    new, old = parent / f".{PACK_FOLDER}.new", parent / f".{PACK_FOLDER}.old"
    for folder in (new, old):
        shutil.rmtree(folder, ignore_errors=True)
    for file in pack_files(pack):
        (new / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(pack / file, new / file)
    if comfyui.pack.exists():
        comfyui.pack.rename(old)
    new.rename(comfyui.pack)
    shutil.rmtree(old, ignore_errors=True)


def remove(comfyui: ComfyUI) -> None:
    pip(comfyui, "uninstall", "--quiet", "--yes", DISTRIBUTION)
    shutil.rmtree(comfyui.pack, ignore_errors=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="ComfyUI's folder")
    parser.add_argument("--check", action="store_true", help="only look, change nothing")
    parser.add_argument("--remove", action="store_true", help="take wheel and pack out again")
    parser.add_argument("--python", type=Path, help="ComfyUI's Python, where it is not found beside PATH")
    parser.add_argument("--wheel", type=Path, help="a wheel file; without one it is built from this checkout")
    parser.add_argument("--pack", type=Path, default=ROOT / "comfy_nodes", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    try:
        comfyui = find_comfyui(given.path.absolute(), given.python)
        if given.remove:
            remove(comfyui)
            print(f"Removed from {comfyui.folder}; {comfyui.plans} is as it was")
            return 0
        if not given.check:
            install(comfyui, given.pack, given.wheel)
        problems = list(wrong_with(comfyui, given.pack))
    except (InstallError, OSError) as trouble:
        print(f"wrong: {trouble}", file=sys.stderr)
        return 1
    for problem in problems:
        print(f"wrong: {problem}", file=sys.stderr)
    if not problems:
        print(f"{comfyui.folder}: ComfyUI {version_of_comfyui(comfyui.folder)} has Twill {version_of_pack(given.pack)}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
