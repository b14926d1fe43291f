// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/error.h"

namespace twill {

void assertion_failed(const char* expression, const char* file, int line) {
  throw std::logic_error(concat(file, ":", line, ": broken promise: ", expression));
}

}  // namespace twill
