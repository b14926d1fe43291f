#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0

# As a new user would: a fresh environment with ComfyUI, the wheel by pip, the node pack copied, a server started, every
# node and its tooltips listed, every example workflow run on the demo model; then all of it removed again. Takes some
# minutes; what it makes is removed at the end.
#
#   bash installer/test_comfy.sh [WHEEL]   without a wheel one is built from this checkout
#   TWILL_NEW_USER=folder                  instead of a temporary folder; it is kept then
set -euo pipefail
# shellcheck source=installer/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

work=${TWILL_NEW_USER:-}
if [ -z "$work" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
fi
venv=$work/venv
TWILL_COMFY_VENV=$venv bash "$TWILL_ROOT/tests/comfy/environment.sh"
# Its own pip and nothing of this checkout on the path.
unset PYTHONPATH
install=("$TWILL_VENV_PYTHON" "$TWILL_ROOT/installer/install_comfy.py" "$venv/ComfyUI" --python "$venv/bin/python")
list_files() { (cd "$venv" && find . -iname '*twill*' -not -name .twill-source -not -path './ComfyUI/user/*' | sort); }
list_files >"$work/before"

echo "== installing"
"${install[@]}" ${1:+--wheel "$(realpath "$1")"}
"${install[@]}" --check
[ ! -L "$venv/ComfyUI/custom_nodes/twill" ] || die "the pack is a link, not a copy"

echo "== a server, its nodes, the example workflows"
cd "$TWILL_ROOT"
TWILL_COMFY_INSTALLED=$venv "$TWILL_VENV_PYTHON" -m pytest -q -p no:cacheprovider --durations=8 \
  tests/comfy/test_comfy_server.py

echo "== removal"
"${install[@]}" --remove
rm -rf "$venv/ComfyUI/output" "$venv/ComfyUI/models/sparse_plans"
list_files >"$work/after"
diff "$work/before" "$work/after" || die "the removal left the files above."
echo "Installed, run and removed."
