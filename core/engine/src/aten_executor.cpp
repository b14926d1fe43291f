// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/aten_executor.h"

#include <ATen/Parallel.h>

namespace twill::engine {
namespace {

class AtenExecutor final : public kernels::Executor {
 public:
  void run(std::int32_t workers, const std::function<void(std::int32_t worker)>& body) override {
    at::parallel_for(0, workers, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t worker = begin; worker < end; ++worker) {
        body(static_cast<std::int32_t>(worker));
      }
    });
  }
};

}  // namespace

kernels::Executor& aten_executor() {
  static AtenExecutor executor;
  return executor;
}

}  // namespace twill::engine
