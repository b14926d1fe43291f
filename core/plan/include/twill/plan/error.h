// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Three kinds of trouble: the user's or the machine's (Error), ours (TWILL_ASSERT), and a kernel's
// (kernels::Status).
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace twill {

enum class ErrorCode {
  kUsage,        // wrong words on a command line or in an API call: exit code 2
  kFile,         // a file is missing, damaged, or not what it should be
  kModel,        // a plan, profile or weights do not fit the model
  kUnsupported,  // no kernel, build option or plan can do it
  kSystem,       // disk full, no permission, out of memory
};

class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& text) : std::runtime_error(text), code_(code) {}
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

// Thrown where work was asked to stop; never shown as a failure.
class Cancelled : public std::exception {
 public:
  const char* what() const noexcept override { return "cancelled"; }
};

// g++ 12 has no std::format.
template <typename... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

template <typename... Parts>
void require(bool condition, ErrorCode code, const Parts&... parts) {
  if (!condition) {
    throw Error(code, concat(parts...));
  }
}

[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);

}  // namespace twill

// A broken promise of our own code: always on outside hot loops; throws std::logic_error (a library
// never aborts).
#define TWILL_ASSERT(expression) \
  ((expression) ? static_cast<void>(0) : ::twill::assertion_failed(#expression, __FILE__, __LINE__))
