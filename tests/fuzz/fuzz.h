// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What the targets share. libFuzzer calls LLVMFuzzerTestOneInput with the bytes of one file from
// outside: it is read, or refused by an Error. Anything else ends the program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace twill::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Ends the program, saying `what`, unless it holds.
void demand(bool holds, const char* what);

// Calls `read`; an Error is fine when its text is neither empty nor as long as the input. (It may
// hold any bytes of the input: jobs::run_job() and the command line make one line of UTF-8 of it.)
void read_or_refuse(const std::function<void()>& read);

// A folder of this process in memory, which goes with it; for readers that take a path.
const std::filesystem::path& scratch_folder();
// `bytes` as scratch_folder() / name.
std::filesystem::path scratch_file(const char* name, std::string_view bytes);

}  // namespace twill::fuzz
