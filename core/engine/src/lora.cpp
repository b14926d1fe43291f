// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/lora.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "lora_names.h"
#include "lora_scales.h"
#include "twill/engine/weight_table.h"
#include "twill/plan/error.h"

namespace twill::engine {
namespace {

constexpr std::size_t kMostNamed = 3;  // tensors in a note

std::string underscored(std::string_view name) {
  std::string text(name);
  std::ranges::replace(text, '.', '_');
  return text;
}

// Of a shape without an axis of 0, the product is no more than the file's bytes.
std::int64_t elements(const std::vector<std::int64_t>& shape) {
  std::int64_t count = std::ranges::find(shape, 0) == shape.end() ? 1 : 0;
  for (std::size_t i = 0; i < shape.size() && count > 0; ++i) {
    count *= shape[i];
  }
  return count;
}

// That a factor is kept in: as it is stored, where that is no smaller than 16 bits.
at::ScalarType factor_dtype(at::ScalarType stored) {
  return stored == at::kHalf || stored == at::kBFloat16 ? stored : at::kFloat;
}

}  // namespace

// Finds what each tensor of the file changes.
class Lora::Fitting {
 public:
  Fitting(Lora& lora, const WeightTable& table,
          const std::function<std::string(std::string_view)>& original_name)
      : lora_(lora),
        weights_(lora.weights_),
        table_(table),
        original_name_(original_name),
        scales_(weights_.metadata(), weights_.source()) {
    // Of a name whose dots were written as '_' nobody can tell which they were.
    for (const TensorRow& row : table.rows()) {
      TWILL_ASSERT(rows_by_underscores_.emplace(underscored(row.name), row.name).second);
    }
  }

  void run() {
    for (const std::string& name : weights_.names()) {
      const std::string_view kind = unmerged_kind(name);
      require(kind.empty(), ErrorCode::kUnsupported, weights_.place_of(name), " is of ", kind,
              ", which is not merged; use a plain LoRA");
      const std::optional<LoraName> read = read_lora_name(name);
      named_ += read ? 1 : 0;
      const std::string row = read ? row_of(*read) : std::string();
      if (row.empty()) {
        unfit_.push_back(name);
      } else {
        assign(name, *read, lora_.changes_[row]);
      }
    }
    check_fits();
    for (auto& [row, change] : lora_.changes_) {
      check(row, change);
    }
    lora_.note_ = note();
  }

 private:
  // The table's name of what is changed; empty where it has none.
  std::string row_of(const LoraName& name) const {
    const char* const ending = name.part == LoraPart::kDiffBias         ? ".bias"
                               : name.part == LoraPart::kDiffModulation ? ".modulation"
                                                                        : ".weight";
    std::string_view module = name.module;
    if (module.starts_with(kUnderscored)) {
      module.remove_prefix(kUnderscored.size());
      if (module.starts_with('_')) {  // "lora_unet__", as files for Wan Fun have it
        module.remove_prefix(1);
      }
      const auto found = rows_by_underscores_.find(underscored(concat(module, ending)));
      return found == rows_by_underscores_.end() ? std::string() : found->second;
    }
    module = without_lora_prefix(module);
    std::vector<std::string> wanted{concat(module, ending)};
    if (name.part == LoraPart::kDiff || name.part == LoraPart::kSet) {
      wanted.emplace_back(module);  // modulations are tensors of no module
    }
    for (const std::string& theirs : wanted) {
      for (const std::string& row : {theirs, original_name_(theirs)}) {
        if (table_.contains(row)) {
          return row;
        }
      }
    }
    return {};
  }

  void assign(const std::string& name, const LoraName& read, Change& change) const {
    std::string* const place = read.part == LoraPart::kDown    ? &change.down
                               : read.part == LoraPart::kUp    ? &change.up
                               : read.part == LoraPart::kAlpha ? &change.alpha
                               : read.part == LoraPart::kSet   ? &change.set
                                                               : &change.diff;
    require(place->empty(), ErrorCode::kFile, weights_.place_of(name),
            " changes the same weight in the same way as tensor ", *place);
    *place = name;
    change.module = without_lora_prefix(read.module);
  }

  // The file is a LoRA, and this network's.
  void check_fits() {
    for (auto change = lora_.changes_.begin(); change != lora_.changes_.end();) {
      const Change& found = change->second;
      if (found.down.empty() && found.up.empty() && found.diff.empty() && found.set.empty()) {
        unfit_.push_back(found.alpha);
        change = lora_.changes_.erase(change);
      } else {
        ++change;
      }
    }
    if (!lora_.changes_.empty()) {
      return;
    }
    for (const std::string& name : unfit_) {
      require(!table_.contains(name) && !table_.contains(original_name_(name)), ErrorCode::kFile,
              weights_.source(), ": is a model, not a LoRA: it has tensor ", name);
    }
    require(named_ > 0, ErrorCode::kFile, weights_.source(), ": is no LoRA: none of its ",
            weights_.names().size(), " tensors has the name of one",
            unfit_.empty() ? "" : ", the first is ", unfit_.empty() ? "" : unfit_.front());
    throw Error(ErrorCode::kModel, concat(weights_.source(), ": none of its ", unfit_.size(),
                                          " tensors fits anything in this network, the first is ",
                                          unfit_.front(), "; is it of another model?"));
  }

  void check(const std::string& row, Change& change) const {
    const std::vector<std::int64_t>& shape = table_.rows()[table_.index_of(row)].shape;
    for (const std::string& name : {change.diff, change.set, change.down, change.up}) {
      require(name.empty() || c10::isFloatingType(weights_.dtype(name)), ErrorCode::kFile,
              name.empty() ? "" : weights_.place_of(name), " does not hold floating-point numbers");
    }
    for (const std::string& name : {change.diff, change.set}) {
      if (!name.empty()) {
        require(weights_.shape(name) == shape, ErrorCode::kModel, weights_.place_of(name),
                " has shape ", at::IntArrayRef(weights_.shape(name)), ", but ", row,
                " of the network has ", at::IntArrayRef(shape));
      }
    }
    require(change.alpha.empty() || elements(weights_.shape(change.alpha)) == 1, ErrorCode::kFile,
            change.alpha.empty() ? "" : weights_.place_of(change.alpha), " is not one number");
    if (change.down.empty() && change.up.empty()) {
      return;
    }
    require(!change.down.empty() && !change.up.empty(), ErrorCode::kFile,
            weights_.place_of(change.up.empty() ? change.down : change.up), " has no ",
            change.up.empty() ? "second" : "first", " factor beside it");
    check_factors(row, shape, change);
    if (change.alpha.empty()) {
      change.scale = scales_.scale_of(change.module, weights_.shape(change.down).front(),
                                      weights_.place_of(change.down));
    }
  }

  // up @ down has as many rows and columns as the weight [out, in, ...]: kernels of convolutions
  // may be flat or whole.
  void check_factors(const std::string& row, const std::vector<std::int64_t>& shape,
                     const Change& change) const {
    const std::vector<std::int64_t>& down = weights_.shape(change.down);
    const std::vector<std::int64_t>& up = weights_.shape(change.up);
    const bool matrices = shape.size() >= 2 && down.size() >= 2 && up.size() >= 2 &&
                          elements(down) > 0 && elements(up) > 0;
    const bool fit = matrices && up.front() == shape.front() &&
                     elements(up) == up.front() * down.front() &&
                     elements(down) / down.front() == elements(shape) / shape.front();
    require(fit, ErrorCode::kModel, weights_.place_of(change.up), " has shape ",
            at::IntArrayRef(up), " and ", change.down, " ", at::IntArrayRef(down), ", but ", row,
            " of the network has ", at::IntArrayRef(shape));
  }

  std::string note() const {
    if (unfit_.empty()) {
      return {};
    }
    std::string names;
    for (std::size_t i = 0; i < std::min(unfit_.size(), kMostNamed); ++i) {
      names += concat(i == 0 ? "" : ", ", unfit_[i]);
    }
    return concat(weights_.source(), ": ", unfit_.size(), " of ", weights_.names().size(),
                  " tensors fit", unfit_.size() == 1 ? "s" : "", " nothing in this network and ",
                  unfit_.size() == 1 ? "is" : "are", " left out, the first ",
                  unfit_.size() == 1 ? "is " : "are ", names);
  }

  Lora& lora_;
  const Weights& weights_;
  const WeightTable& table_;
  const std::function<std::string(std::string_view)>& original_name_;
  LoraScales scales_;
  std::map<std::string, std::string> rows_by_underscores_;
  std::vector<std::string> unfit_;
  std::size_t named_ = 0;
};

Lora::Lora(const LoraChoice& choice, const WeightTable& table,
           const std::function<std::string(std::string_view)>& original_name)
    : weights_(Weights::open(choice.file)), strength_(choice.strength) {
  Fitting(*this, table, original_name).run();
}

at::Tensor Lora::read(const std::string& name, at::IntArrayRef sizes, at::ScalarType dtype) const {
  at::Tensor values = weights_.get(name, sizes, dtype);
  require(at::isfinite(values).all().item<bool>(), ErrorCode::kFile, weights_.place_of(name),
          " holds values that are not finite");
  return values;
}

double Lora::scale_of(const Change& change) const {
  if (change.alpha.empty()) {
    return change.scale.value_or(1.0);
  }
  const double alpha = weights_.get(change.alpha).to(at::kDouble).item<double>();
  require(std::isfinite(alpha), ErrorCode::kFile, weights_.place_of(change.alpha), " is ", alpha,
          ", not a number");
  return alpha / static_cast<double>(weights_.shape(change.down).front());
}

const Lora::Change* Lora::low_rank_change(std::string_view name) const {
  const auto found = changes_.find(name);
  TWILL_ASSERT(found != changes_.end());
  const Change& change = found->second;
  return change.set.empty() && change.diff.empty() ? &change : nullptr;
}

std::optional<LowRank> Lora::low_rank(std::string_view name, at::IntArrayRef sizes) const {
  const Change* const change = low_rank_change(name);
  if (change == nullptr) {
    return std::nullopt;
  }
  const auto factor = [&](const std::string& tensor) {
    return read(tensor, weights_.shape(tensor), factor_dtype(weights_.dtype(tensor)));
  };
  return LowRank{.up = factor(change->up).reshape({sizes[0], -1}),
                 .down = factor(change->down).reshape({-1, sizes[1]}),
                 .factor = strength_ * scale_of(*change)};
}

std::optional<std::int64_t> Lora::low_rank_bytes(std::string_view name) const {
  const Change* const change = low_rank_change(name);
  if (change == nullptr) {
    return std::nullopt;
  }
  const auto bytes = [&](const std::string& tensor) {
    return elements(weights_.shape(tensor)) *
           static_cast<std::int64_t>(c10::elementSize(factor_dtype(weights_.dtype(tensor))));
  };
  return bytes(change->up) + bytes(change->down);
}

void Lora::merge(std::string_view name, at::Tensor& weight) const {
  const auto found = changes_.find(name);
  TWILL_ASSERT(found != changes_.end() && weight.scalar_type() == at::kFloat &&
               weight.is_contiguous());
  const Change& change = found->second;
  if (!change.set.empty()) {
    weight.copy_(read(change.set, weight.sizes()));
  }
  if (!change.down.empty()) {
    const at::Tensor up = read(change.up, weights_.shape(change.up)).flatten(1);
    const at::Tensor down = read(change.down, weights_.shape(change.down)).flatten(1);
    weight.view({weight.size(0), -1})
        .addmm_(up.view({weight.size(0), -1}), down, 1.0, strength_ * scale_of(change));
  }
  if (!change.diff.empty()) {
    weight.add_(read(change.diff, weight.sizes()), strength_);
  }
}

}  // namespace twill::engine
