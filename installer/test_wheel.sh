#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0

# Installs a wheel of twill-vdit into an environment of its own, as a user would, and tests it there; then removes it and
# looks whether anything is left.
#
#   bash installer/test_wheel.sh WHEEL PYTHON   PYTHON: one that has torch and pytest, which the tests borrow; any torch
#                                               from 2.4 on, of the Python version that the wheel is for
set -euo pipefail
[ $# -eq 2 ] || {
  echo "usage: bash installer/test_wheel.sh WHEEL PYTHON" >&2
  exit 2
}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
wheel=$(realpath "$1")
# A path of a virtual environment must keep its link.
lender=$(realpath -s "$(command -v "$2")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
venv=$work/venv
python=$venv/bin/python

borrowed=$("$lender" -c 'import pathlib, torch, pytest, numpy
print("\n".join(dict.fromkeys(str(pathlib.Path(m.__file__).parents[1]) for m in (torch, pytest, numpy))))') || {
  echo "$lender has no torch, pytest or numpy" >&2
  exit 2
}
# Its own pip would need packages that some systems leave out of Python.
"$lender" -m venv --without-pip "$venv"
pip() { "$lender" -m pip --disable-pip-version-check --python "$python" "$@"; }
site=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
list_files() { (cd "$venv" && find . -type f -not -path '*/__pycache__/*' | sort; find . -type d -name 'twill*' | sort); }
list_files >"$work/before"

cd "$work"
echo "== without torch"
pip install --quiet --no-index --no-deps "$wheel"
numpy=$("$lender" -c 'import numpy, pathlib; print(pathlib.Path(numpy.__file__).parents[1])')
mkdir "$work/numpy"
for part in "$numpy"/numpy "$numpy"/numpy.libs; do
  [ ! -e "$part" ] || ln -s "$part" "$work/numpy/"
done
PYTHONPATH=$work/numpy "$python" -m twill_vdit doctor

echo "== with torch $("$lender" -c 'import torch; print(torch.__version__)')"
printf '%s\n' "$borrowed" >"$site/borrowed.pth"
"$python" -m twill_vdit doctor
TWILL_TEST_INSTALLED=1 "$python" -m pytest -q -m "not slow" -p no:cacheprovider --rootdir "$root" \
  -c "$root/pyproject.toml" "$root/tests/python"

echo "== removal"
pip uninstall --quiet --yes twill-vdit
rm "$site/borrowed.pth"
list_files >"$work/after"
diff "$work/before" "$work/after" || {
  echo "pip uninstall left the files above" >&2
  exit 1
}
echo "Installed, tested and removed: $(basename "$wheel")"
