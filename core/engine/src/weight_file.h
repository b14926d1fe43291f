// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A weight file, read by copies: a mapped page of a file that shrinks meanwhile would end the
// program by a signal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>

#include "gguf_header.h"
#include "safetensors_header.h"

namespace twill::engine {

class WeightFile {
 public:
  // Throws Error(kFile) unless it is a regular file that holds something.
  explicit WeightFile(std::filesystem::path path);
  ~WeightFile();
  WeightFile(const WeightFile&) = delete;
  WeightFile& operator=(const WeightFile&) = delete;

  std::string name() const { return path_.string(); }
  std::uint64_t bytes() const { return bytes_; }  // when it was opened

  // By its first bytes, whatever its name ends with.
  bool is_gguf() const;
  SafetensorsHeader read_safetensors() const;
  GgufHeader read_gguf() const;
  // Throws Error(kFile) when the file has become shorter, Cancelled between pieces.
  void read(std::uint64_t begin, void* to, std::uint64_t bytes,
            const std::stop_token& stop = {}) const;
  // Throws Error(kFile) when the file was written to since it was opened.
  void check_unchanged() const;

 private:
  struct State {
    std::uint64_t bytes = 0;
    std::int64_t seconds = 0;  // of its last change
    std::int64_t nanoseconds = 0;
    bool operator==(const State&) const = default;
  };
  State state() const;
  void read_in_turn(std::uint64_t begin, char* to, std::uint64_t bytes,
                    const std::stop_token& stop) const;

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::uint64_t bytes_ = 0;
  State opened_;
};

}  // namespace twill::engine
