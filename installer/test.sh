#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0

# Installs what is missing, builds, runs ctest, the fuzzers (6 seconds each) and pytest, and says how many tests passed, failed
# and were skipped. Safe to run again; quick when nothing changed.
#
#   bash installer/test.sh                   everything
#   bash installer/test.sh fast              everyday work: no fuzzers, no ComfyUI, nothing that is labelled slow
#   TWILL_PRESET=dev bash installer/test.sh  another preset of CMakePresets.json (dev: with sanitizers)
#   TWILL_WITHOUT_COMFY=1 bash installer/test.sh  leaves out the tests in ComfyUI (1.6 GB of packages)
set -euo pipefail
# shellcheck source=installer/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

case ${1:-} in
  "" | fast) fast=${1:-} ;;
  *) die "$1: the only word that this takes is fast; without one everything is tested." ;;
esac
preset=${TWILL_PRESET:-ci}
build_dir=$TWILL_ROOT/build/$preset
results=$build_dir/test-results
# Tests run beside each other: threads that wait must not spin on the cores that others need.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}

run_ctest() {
  (cd "$TWILL_ROOT" && ctest --preset "$preset" ${fast:+--label-exclude slow} --parallel "$TWILL_JOBS" --output-junit "$results/ctest.xml")
}

# Some seconds of each on what earlier runs kept; `ctest --preset fuzz-minute` gives each a minute.
run_fuzzers() {
  (cd "$TWILL_ROOT" && ctest --preset fuzz --parallel "$TWILL_JOBS" --output-junit "$results/fuzz.xml")
}

# Files side by side, and the pieces of long ones; tests/conftest.py says what stays together and what comes first.
run_pytest() {
  (cd "$TWILL_ROOT" && TWILL_BUILD_DIR=$build_dir "$TWILL_VENV_PYTHON" -m pytest --numprocesses "$TWILL_JOBS" --dist loadfile \
    ${fast:+-m "not slow"} --junitxml "$results/pytest.xml")
}

# Clang with its runtime for the fuzzers; ffmpeg for its ffprobe, which reads the clips that tests write; Qt for the app; a
# browser to open reports and ComfyUI's page in. Ubuntu has none as a package: there the tests that need it are skipped.
# shellcheck disable=SC2046
stage "system packages" install_system_packages clang libclang-rt-dev ffmpeg "${TWILL_QT_PACKAGES[@]}" $(has_chromium_package && echo chromium)
stage "Python packages" install_python_packages installer/requirements.txt installer/requirements-test.txt
stage "configure ($preset)" configure "$preset"
stage "build ($preset)" build "$preset"
if [ -z "$fast" ]; then
  stage "configure (fuzz)" configure fuzz
  stage "build (fuzz)" build fuzz
fi

# Without it the tests in ComfyUI fail and say so; the others still run.
[ -n "$fast${TWILL_WITHOUT_COMFY:-}" ] || stage "ComfyUI" bash "$TWILL_ROOT/tests/comfy/environment.sh" || true

rm -rf "$results"
mkdir -p "$results"
failed=0
stage "ctest" run_ctest || failed=1
outcomes=("$results/ctest.xml" "$results/pytest.xml")
if [ -z "$fast" ]; then
  stage "fuzzers" run_fuzzers || failed=1
  outcomes+=("$results/fuzz.xml")
fi
stage "pytest" run_pytest || failed=1

for results_of_program in "$results"/gtest/*.xml; do
  [ ! -e "$results_of_program" ] || outcomes+=("$results_of_program")
done

print_times
"$TWILL_VENV_PYTHON" "$TWILL_ROOT/installer/summarise_tests.py" "${outcomes[@]}" || failed=1
exit $failed
