// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>

#include "twill/plan/error.h"

namespace twill::tests {

// What the Error says that `work` throws; empty when it throws none. With another code than `code`
// the text begins so.
template <typename Work>
std::string refusal(const Work& work, std::optional<ErrorCode> code = {}) {
  try {
    work();
  } catch (const Error& error) {
    return (code && error.code() != *code ? "another code: " : "") + std::string(error.what());
  }
  return "";
}

}  // namespace twill::tests
