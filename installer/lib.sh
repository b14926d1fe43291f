# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash

# What demo.sh and test.sh share: system packages, Python environment, build. Sourced, not run.
# Every step looks first whether its work is done, so a second run is quick and an interrupted one can be repeated.

TWILL_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TWILL_VENV=$TWILL_ROOT/.venv
TWILL_VENV_PYTHON=$TWILL_VENV/bin/python
TORCH_VERSION=2.13.0
TWILL_JOBS=${TWILL_JOBS:-$(nproc)}
TWILL_TIMES=()
TWILL_SUDO=()

say() { printf '%s\n' "$*"; }
die() {
  printf '%s\n' "$*" >&2
  exit 1
}

# stage NAME COMMAND...: runs the command, remembers its wall time for print_times.
stage() {
  local name=$1 begin status
  shift
  say "== $name"
  begin=$(date +%s)
  status=0
  "$@" || status=$?
  TWILL_TIMES+=("$(printf '%6d s  %s' $(($(date +%s) - begin)) "$name")")
  return $status
}

print_times() {
  say "Time of each stage:"
  printf '  %s\n' "${TWILL_TIMES[@]}"
}

# The system's own interpreter comes first: a wrapper such as pyenv's may lack what Debian's packages bring.
find_python() {
  local candidate
  for candidate in ${TWILL_PYTHON:-} /usr/bin/python3 python3 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return 0
    fi
  done
  return 1
}

# What Twill Studio needs besides; the command line does without.
# shellcheck disable=SC2034
TWILL_QT_PACKAGES=(qt6-base-dev qt6-svg-dev qt6-websockets-dev qt6-tools-dev qt6-tools-dev-tools qt6-l10n-tools libgl-dev)

# Debian 12 and Ubuntu 24.04 call all of these the same. system_package_names MORE...: what one command needs besides.
system_package_names() {
  printf '%s\n' "$@" g++ cmake ninja-build ccache pkg-config nlohmann-json3-dev libgtest-dev libcli11-dev libyaml-cpp-dev \
    libavformat-dev libavcodec-dev libswscale-dev libavutil-dev libsentencepiece-dev
  local python
  python=$(find_python || true)
  case $python in
    "" | /usr/bin/*) printf '%s\n' python3 python3-venv python3-dev ;;
  esac
}

missing_system_packages() {
  local name
  for name in $(system_package_names "$@"); do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || printf '%s\n' "$name"
  done
}

# A fresh Ubuntu updates itself for minutes after its first boot.
TWILL_LOCK_WAIT=${TWILL_LOCK_WAIT:-1200} # seconds
TWILL_LOCK_PAUSE=5

# lock_holder LOG: who holds a lock that apt-get's or dpkg's messages complain of; fails when they complain of something else.
lock_holder() {
  local text
  text=$(<"$1")
  if [[ $text =~ Could\ not\ get\ lock\ ([^[:space:]]+)\.\ It\ is\ held\ by\ process\ ([0-9]+\ \([^\)]*\)) ]]; then
    say "process ${BASH_REMATCH[2]}, which holds ${BASH_REMATCH[1]}"
  elif [[ $text =~ Could\ not\ get\ lock\ ([^[:space:]]+) ]] ||
    [[ $text =~ acquire\ the\ dpkg\ frontend\ lock\ \(([^\)]+)\),\ is\ another\ process ]]; then
    say "whoever holds ${BASH_REMATCH[1]}"
  elif [[ $text =~ (dpkg\ [a-z]+\ lock)\ was\ locked\ by\ another\ process\ with\ pid\ ([0-9]+) ]]; then
    say "process ${BASH_REMATCH[2]}, which holds the ${BASH_REMATCH[1]}"
  else
    return 1
  fi
}

# apt_get LOG WORDS...: waits while another package manager holds a lock and says for whom. apt's own DPkg::Lock::Timeout
# knows nothing of the lock of `update` and leaves out of its message who holds the others.
apt_get() {
  local log=$1 waited=0 told="" status holder
  shift
  while true; do
    status=0
    "${TWILL_SUDO[@]}" env LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get "$@" >"$log" 2>&1 </dev/null || status=$?
    [ $status -ne 0 ] || return 0
    holder=$(lock_holder "$log") || return $status
    if [ $waited -ge "$TWILL_LOCK_WAIT" ]; then
      say "Waited $waited s for $holder; giving up (TWILL_LOCK_WAIT=SECONDS waits longer)." | tee -a "$log"
      return $status
    fi
    if [ "$holder" != "$told" ] || [ $((waited % 60)) -eq 0 ]; then
      say "Another package manager is at work: waiting for $holder ($waited s so far, at most $TWILL_LOCK_WAIT s)."
      told=$holder
    fi
    sleep $TWILL_LOCK_PAUSE
    waited=$((waited + TWILL_LOCK_PAUSE))
  done
}

# install_system_packages MORE...
install_system_packages() {
  local missing log=$TWILL_ROOT/.apt-log
  if ! command -v dpkg-query >/dev/null; then
    say "Not a Debian or Ubuntu machine: these packages, or what they are called here, must be installed already:"
    say "  $(system_package_names "$@" | tr '\n' ' ')"
    return 0
  fi
  missing=$(missing_system_packages "$@" | tr '\n' ' ')
  missing=${missing% }
  if [ -z "$missing" ]; then
    say "Nothing to install."
    return 0
  fi
  if [ "$(id -u)" -ne 0 ]; then
    if sudo -n true 2>/dev/null; then
      TWILL_SUDO=(sudo -n)
    else
      die "Packages are missing and this user may not install them. Have this run, then come back:
  apt-get install --yes --no-install-recommends $missing"
    fi
  fi
  say "Installing: $missing"
  apt_get "$log" update --quiet=2 || {
    tail -n 20 "$log" >&2
    say "apt-get update reported trouble; going on with the package lists at hand."
  }
  # shellcheck disable=SC2086
  apt_get "$log" install --yes --quiet=2 --no-install-recommends $missing || {
    tail -n 20 "$log" >&2
    die "apt-get could not install: $missing"
  }
  rm -f "$log"
}

has_chromium_package() { grep -qsx 'ID=debian' /etc/os-release; }

make_python_environment() {
  local python
  if [ -x "$TWILL_VENV_PYTHON" ] && [ -e "$TWILL_VENV/.made" ] && "$TWILL_VENV_PYTHON" -c 'import pip' 2>/dev/null; then
    return 0
  fi
  python=$(find_python) || die "No Python 3.11 or newer was found (looked at /usr/bin/python3 and python3; TWILL_PYTHON names another)."
  rm -rf "$TWILL_VENV"
  "$python" -m venv "$TWILL_VENV" || die "$python could not make a virtual environment in $TWILL_VENV."
  touch "$TWILL_VENV/.made"
}

has_cuda_device_and_toolkit() {
  command -v nvcc >/dev/null && command -v nvidia-smi >/dev/null && nvidia-smi -L 2>/dev/null | grep -q GPU
}

pip_install() { "$TWILL_VENV_PYTHON" -m pip --disable-pip-version-check install --quiet --no-input "$@"; }

# CPU builds of PyTorch carry "+cpu" in their version and stand in an index or folder that pip has to be told of; without one
# the plain version is what there is (several GB with CUDA libraries on Linux).
install_torch() {
  if "$TWILL_VENV_PYTHON" -c "import torch, sys; sys.exit(torch.__version__.split('+')[0] != '$TORCH_VERSION')" 2>/dev/null; then
    return 0
  fi
  if has_cuda_device_and_toolkit; then
    pip_install "torch==$TORCH_VERSION"
  else
    pip_install "torch==$TORCH_VERSION+cpu" 2>/dev/null || {
      say "pip knows no torch $TORCH_VERSION+cpu; taking torch $TORCH_VERSION (README.md says how to point pip at CPU builds)."
      pip_install "torch==$TORCH_VERSION"
    }
  fi
}

# install_requirements FILE: does nothing when this very list has been installed into this environment.
install_requirements() {
  local file=$1 stamp hash
  stamp=$TWILL_VENV/.installed-$(basename "$file" .txt)
  hash=$(sha256sum "$file" | cut -d ' ' -f 1)
  if [ "$(cat "$stamp" 2>/dev/null)" = "$hash" ]; then
    return 0
  fi
  # The second requirement keeps a dependency from replacing the torch that the build uses.
  pip_install -r "$file" "torch==$TORCH_VERSION" || return 1
  printf '%s\n' "$hash" >"$stamp"
}

# install_python_packages FILE...: torch first, then each list of requirements.
install_python_packages() {
  local file
  make_python_environment || return 1
  install_torch || die "pip could not install torch $TORCH_VERSION."
  for file in "$@"; do
    install_requirements "$TWILL_ROOT/$file" || die "pip could not install what $file lists."
  done
}

use_ccache() {
  export CCACHE_DIR=${CCACHE_DIR:-$TWILL_ROOT/.ccache}
  export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$TWILL_ROOT}
  export CCACHE_NOHASHDIR=true
  # GCC's precompiled headers are only cached when their defines and time stamps are taken on trust.
  export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
}

# configure PRESET [-D...]: with the Python of the virtual environment.
configure() {
  local preset=$1
  shift
  use_ccache
  (cd "$TWILL_ROOT" && cmake --preset "$preset" "-DPython3_EXECUTABLE=$TWILL_VENV_PYTHON" "$@")
}

build() {
  local preset=$1
  shift
  use_ccache
  (cd "$TWILL_ROOT" && cmake --build --preset "$preset" --parallel "$TWILL_JOBS" "$@")
}
