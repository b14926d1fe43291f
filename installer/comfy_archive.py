# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Builds the archive of the node pack that the ComfyUI registry takes, and checks it.

    python installer/comfy_archive.py dist/twill_comfy.zip

Files are those that git knows below comfy_nodes, without what .comfyignore names. Nothing is uploaded.
"""

import ast
import fnmatch
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]
PACK = ROOT / "comfy_nodes"
MOST_BYTES = 2 << 20
KINDS = {".py", ".md", ".json", ".jpg", ".js", ".toml", ".txt"}
# What the registry's own check looks for, and what a pack in pure Python needs none of.
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_MODULES = {"subprocess", "ctypes", "socket", "pip", "urllib", "requests"}


def ignored(name: str, patterns: list[str]) -> bool:
    """As in .gitignore, without its rarer forms: a folder ends in /, anything else is a name."""
    parts = PurePosixPath(name).parts
    return any(
        pattern.rstrip("/") in parts[:-1] if pattern.endswith("/") else fnmatch.fnmatch(parts[-1], pattern)
        for pattern in patterns
    )


def files_of(pack: Path) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z", "."], cwd=pack, capture_output=True, text=True, check=True)
    lines = (pack / ".comfyignore").read_text().splitlines()
    patterns = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    names = [name for name in listed.stdout.split("\0") if name and not ignored(name, patterns)]
    return [pack / name for name in sorted(names) if name != ".comfyignore"]


def wrong_in_code(name: str, text: str) -> Iterator[str]:
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        yield f"{name}: is no Python: {error}"
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN_CALLS:
            yield f"{name}: line {node.lineno} calls {node.func.id}"
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
        for module in modules:
            if module.split(".")[0] in FORBIDDEN_MODULES:
                yield f"{name}: line {node.lineno} imports {module}"


def wrong_with(archive: Path) -> list[str]:
    """Sentences; empty when the registry can take it."""
    found = []
    with zipfile.ZipFile(archive) as opened:
        names = opened.namelist()
        for needed in ("__init__.py", "pyproject.toml", "requirements.txt"):
            if needed not in names:
                found.append(f"{needed} is missing")
        for name in names:
            if PurePosixPath(name).suffix not in KINDS:
                found.append(f"{name}: is of a kind that the pack has none of")
            elif name.endswith(".py"):
                found += wrong_in_code(name, opened.read(name).decode())
        about = opened.read("pyproject.toml").decode() if "pyproject.toml" in names else ""
        for key in ("name", "version", "license", "PublisherId", "DisplayName", "requires-comfyui"):
            if not re.search(rf"^{key} = \S", about, re.MULTILINE):
                found.append(f"pyproject.toml: {key} is missing")
    if archive.stat().st_size > MOST_BYTES:
        found.append(f"{archive.name}: {archive.stat().st_size} bytes are more than {MOST_BYTES}")
    return found


def build(out: Path, pack: Path = PACK) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    whole = out.with_name(out.name + ".part")
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files_of(pack):
            # One day for all: the same files give the same archive.
            about = zipfile.ZipInfo(file.relative_to(pack).as_posix(), (2026, 1, 1, 0, 0, 0))
            about.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(about, file.read_bytes())
    whole.replace(out)


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: comfy_archive.py ARCHIVE.zip", file=sys.stderr)
        return 2
    out = Path(sys.argv[1])
    build(out)
    problems = wrong_with(out)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{out}: {out.stat().st_size / 1e6:.2f} MB")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
