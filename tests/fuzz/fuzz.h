// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// One entry for each parser of files from outside. libFuzzer calls it (TWILL_FUZZ with clang);
// under ctest drive.cpp feeds it seeds that it spoils by a fixed random sequence.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace twill::fuzz {

// Whole files to begin from.
std::vector<std::string> seeds();
// Pieces that belong to the format, put in anywhere.
std::vector<std::string> words();

}  // namespace twill::fuzz
