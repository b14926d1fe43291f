# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# What every finding uses: a temporary folder that goes away again, a Python that has the pinned packages,
# and the steps "versions, guess, output, verdict" in the same form. Sourced, not run.

set -euo pipefail

finding_lib="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
finding_folder="$(mktemp -d)"
trap 'rm -rf "$finding_folder"' EXIT

# packages NAME==VERSION...: sets $python to an interpreter with exactly these. FINDINGS_PYTHON names a ready one,
# whose versions are checked; without it a fresh virtual environment is made (FINDINGS_BASE_PYTHON or python3).
packages() {
  if [[ -n "${FINDINGS_PYTHON:-}" ]]; then
    python="$FINDINGS_PYTHON"
  else
    "${FINDINGS_BASE_PYTHON:-python3}" -m venv "$finding_folder/venv"
    python="$finding_folder/venv/bin/python"
    "$python" -m pip install --quiet --disable-pip-version-check "$@" >&2
  fi
  "$python" - "$@" <<'PYTHON'
import importlib.metadata
import platform
import sys

print("python", platform.python_version())
for pin in sys.argv[1:]:
    name, wanted = pin.split("==")
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        sys.exit(f"{name} {wanted} is not installed in this Python")
    if found.split("+")[0] != wanted:
        sys.exit(f"{name} is {found} here, the finding is about {wanted}")
    print(name, found)
PYTHON
}

# guess TEXT: what one would expect, printed before anything runs.
guess() { printf 'guess: %s\n' "$1"; }

# observe: runs the Python program on standard input in the temporary folder. It prints what it sees and ends with
# a call of verdict(seen, text): "seen: text" and 0 if the behaviour is as described, "changed: text" and 1 if not.
observe() {
  cat >"$finding_folder/program.py"
  (cd "$finding_folder" && PYTHONPATH="$finding_lib" "$python" program.py)
}
