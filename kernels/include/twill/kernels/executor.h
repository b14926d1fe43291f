// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <functional>

namespace twill::kernels {

// Threads that a caller lends to a call. A host whose own threads spin while they wait for work, as
// OpenMP's do, lends them: they would otherwise compete with this library's.
class Executor {
 public:
  virtual ~Executor() = default;
  // Calls body(worker) once for every worker of 0..workers, at the same time as far as there are
  // threads, and returns when all have returned. An exception of body is thrown again here.
  virtual void run(std::int32_t workers, const std::function<void(std::int32_t worker)>& body) = 0;
};

}  // namespace twill::kernels
