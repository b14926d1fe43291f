// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "kept_text.h"

#include <ATen/ATen.h>

#include <system_error>
#include <vector>

#include "files.h"
#include "json.h"
#include "twill/engine/weights.h"
#include "twill/plan/error.h"
#include "twill/plan/text_hash.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRows = "rows";   // [rows that are not zeros, text_dim] fp32
constexpr const char* kCount = "rows";  // how many there are with the zeros behind them
constexpr const char* kKey = "key";
constexpr std::int64_t kMostRows = 1 << 16;

}  // namespace

std::string KeptText::key(const engine::Prompt& prompt) const {
  if (prompt.plain()) {
    return concat("text 1\n", made_with_, "\n", prompt.text());
  }
  std::string key = concat("weighted text 1\n", made_with_);
  for (const engine::WeightedText& part : prompt.parts) {
    key += concat("\n", json_dump(json(part.weight)), " ", part.text.size(), " ", part.text);
  }
  return key;
}

fs::path KeptText::file(const engine::Prompt& prompt) const {
  return folder_ / concat(hex(hash_text(key(prompt))), ".safetensors");
}

at::Tensor KeptText::encode(const engine::Prompt& prompt) const {
  at::Tensor rows = find(prompt);
  if (!rows.defined()) {
    rows = inner_->encode(prompt);
    keep(prompt, rows);
  }
  return rows;
}

at::Tensor KeptText::find(const engine::Prompt& prompt) const {
  const fs::path path = file(prompt);
  std::error_code code;
  if (!fs::is_regular_file(path, code)) {
    return {};
  }
  try {
    const engine::Weights kept = engine::Weights::open(path);
    const auto& facts = kept.metadata();
    const auto said = [&](const char* name) {
      const auto found = facts.find(name);
      return found == facts.end() ? std::string() : found->second;
    };
    const std::vector<std::int64_t>& shape = kept.shape(kRows);
    const std::int64_t count = std::stoll(said(kCount));
    if (said(kKey) != key(prompt) || shape.size() != 2 || shape[1] != text_dim() ||
        count < shape[0] || count > kMostRows) {
      return {};
    }
    const at::Tensor rows = kept.get(kRows, shape, at::kFloat);
    fs::last_write_time(path, fs::file_time_type::clock::now(), code);
    return at::constant_pad_nd(rows, {0, 0, 0, count - shape[0]}).unsqueeze(0);
  } catch (const std::exception&) {
    return {};  // damaged, or of something else: it is made anew
  }
}

void KeptText::keep(const engine::Prompt& prompt, const at::Tensor& rows) const {
  const at::Tensor all = rows[0].to(at::kCPU, at::kFloat).contiguous();
  const at::Tensor used = (all != 0).any(1).nonzero();
  const std::int64_t count = used.numel() == 0 ? 0 : used.max().item<std::int64_t>() + 1;
  try {
    std::error_code code;
    fs::create_directories(folder_, code);
    engine::write_safetensors(file(prompt), {{kRows, all.narrow(0, 0, count).contiguous()}},
                              {{kKey, key(prompt)}, {kCount, std::to_string(all.size(0))}});
    remove_oldest(folder_, ".safetensors", most_bytes_);
  } catch (const Error&) {
    // A full or read-only disk: the clip does not depend on it.
  }
}

}  // namespace twill::jobs
