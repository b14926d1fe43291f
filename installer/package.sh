#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0

# Builds the programs and packs them: build/package/twill_<version>_amd64.deb and twill-<version>-Linux-x86_64.tar.gz,
# each with its SHA-256 beside it. Run it on Debian 12: the .deb names that system's libraries.
#
#   bash installer/package.sh [-D...]     options of CMake, such as -DTWILL_GUI=OFF
set -euo pipefail
# shellcheck source=installer/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

pack() { (cd "$TWILL_ROOT/build/package" && cpack -B . "$@"); }

# dpkg-dev for dpkg-shlibdeps, which names the packages whose libraries the programs use.
stage "system packages" install_system_packages dpkg-dev
stage "Python packages" install_python_packages installer/requirements.txt
has_cuda_device_and_toolkit && say "The package holds a CPU build of PyTorch; this machine's is used where it has none."
stage "configure" configure package "$@"
stage "build" build package
stage ".deb" pack -G DEB
stage ".tar.gz" pack -G TGZ
print_times
ls -l "$TWILL_ROOT"/build/package/twill*.deb "$TWILL_ROOT"/build/package/twill*.tar.gz
