// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Where each layer of a network stands that has not all of the device's memory, nor all of the
// host's.
#pragma once

#include <cstdint>

#include "twill/engine/memory_plan.h"

namespace twill::engine {

class LayerPlaces {
 public:
  // Of layers that take `all` bytes and `largest` at most each.
  LayerPlaces(std::int64_t layers, std::int64_t all, std::int64_t largest,
              const LayerLimits& limits);

  std::int64_t layers() const { return layers_; }
  // How many stay on the device between passes, and how many are copied there before their turn.
  std::int64_t resident() const { return layers_ - streamed_; }
  std::int64_t streamed() const { return streamed_; }
  // How many stand in no memory but the device's, and are read from their file to be copied: those
  // that stay there first, which are copied once, then streamed ones, which are in every pass.
  std::int64_t from_file() const { return resident_from_file_ + streamed_from_file_; }
  std::int64_t from_file_each_pass() const { return streamed_from_file_; }

  // Places on the device that streamed layers take in turn.
  std::int64_t slots() const { return slots_; }

  bool is_streamed(std::int64_t layer) const;
  bool is_in_host(std::int64_t layer) const;

 private:
  std::int64_t layers_;
  std::int64_t streamed_;
  std::int64_t resident_from_file_;
  std::int64_t streamed_from_file_;
  std::int64_t slots_;
};

}  // namespace twill::engine
