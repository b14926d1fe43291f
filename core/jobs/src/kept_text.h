// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The rows of a prompt, kept for the next clip of the same prompt: a text encoder of 11 GB is read
// once for it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "twill/engine/text_encoder.h"

namespace twill::jobs {

class KeptText final : public engine::TextEncoder {
 public:
  // folder: where files of rows lie; it is made when the first is kept. made_with: all but the
  // prompt that rows depend on. most_bytes: the files that were not used for the longest time go,
  // so that the others stay within it. Nothing is kept where the folder cannot be written to.
  KeptText(std::unique_ptr<engine::TextEncoder> inner, std::filesystem::path folder,
           std::string made_with, std::int64_t most_bytes = std::int64_t{256} << 20)
      : inner_(std::move(inner)),
        folder_(std::move(folder)),
        made_with_(std::move(made_with)),
        most_bytes_(most_bytes) {}

  std::int64_t text_dim() const override { return inner_->text_dim(); }
  const std::vector<std::string>* words() const override { return inner_->words(); }
  std::string note(const engine::Prompt& prompt) const override { return inner_->note(prompt); }
  at::Tensor encode(const engine::Prompt& prompt) const override;

 private:
  std::string key(const engine::Prompt& prompt) const;
  std::filesystem::path file(const engine::Prompt& prompt) const;
  // Undefined where there are none.
  at::Tensor find(const engine::Prompt& prompt) const;
  void keep(const engine::Prompt& prompt, const at::Tensor& rows) const;

  std::unique_ptr<engine::TextEncoder> inner_;
  std::filesystem::path folder_;
  std::string made_with_;
  std::int64_t most_bytes_;
};

}  // namespace twill::jobs
