// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/weights.h"

#include <ATen/ATen.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "block_values.h"
#include "foreign_file.h"
#include "gguf_header.h"
#include "lora_names.h"
#include "safetensors_header.h"
#include "twill/engine/stored_numbers.h"
#include "twill/plan/error.h"
#include "twill/plan/json_dump.h"
#include "twill/plan/json_tree.h"
#include "twill/plan/text.h"
#include "twill/plan/unfinished.h"
#include "weight_file.h"
#include "weight_scales.h"

namespace twill::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 3> kPrefixes{"model.diffusion_model.", "diffusion_model.",
                                                    "model."};
constexpr std::uintmax_t kMostIndexBytes = 64'000'000;
constexpr std::string_view kIndexEnding = ".safetensors.index.json";

// Tensors that change nothing of the network, by the start or the end of their stored names.
struct Harmless {
  std::string_view part;
  bool at_start = true;
  // Told by their values too: all of them are 0.
  bool zeros = false;
};
constexpr std::array kHarmless{
    // ComfyUI's node CLIPSave writes it with every text encoder.
    Harmless{.part = "logit_scale"},
    // Filler.
    Harmless{.part = ".padding", .at_start = false, .zeros = true},
};

// Tensor -> its shard, a plain file name.
std::map<std::string, std::string> shards_of(const fs::path& index) {
  std::ifstream stream(index, std::ios::binary);
  std::string front(kTellingBytes, '\0');
  stream.read(front.data(), static_cast<std::streamsize>(front.size()));
  front.resize(static_cast<std::size_t>(stream.gcount()));
  const std::string_view foreign =
      front.starts_with('{') ? std::string_view() : foreign_file(front);
  require(foreign.empty(), ErrorCode::kFile, index.string(), ": is ", foreign);
  const nlohmann::json document =
      json_tree<nlohmann::json>(read_text(index, kMostIndexBytes), index.string());
  require(
      document.is_object() && document.contains("weight_map") && document["weight_map"].is_object(),
      ErrorCode::kFile, index.string(), ": not an index with a weight_map");
  std::map<std::string, std::string> shards;
  for (const auto& [name, shard] : document["weight_map"].items()) {
    require(shard.is_string(), ErrorCode::kFile, index.string(), ": weight_map[\"", name,
            "\"] is not text");
    const fs::path path(shard.get<std::string>());
    require(path == path.filename() && path.extension() == ".safetensors", ErrorCode::kFile,
            index.string(), ": weight_map[\"", name, "\"]: ", path,
            " is not the name of a .safetensors file beside it");
    shards.emplace(name, path.string());
  }
  require(!shards.empty(), ErrorCode::kFile, index.string(), ": weight_map is empty");
  return shards;
}

StoredNumbers numbers_of(const GgmlType* blocks, at::ScalarType dtype) {
  if (blocks != nullptr) {
    return blocks->numbers;
  }
  return dtype == at::kFloat8_e4m3fn ? StoredNumbers::kE4m3
         : dtype == at::kFloat8_e5m2 ? StoredNumbers::kE5m2
                                     : StoredNumbers::kPlain;
}

}  // namespace

std::string without_prefix(std::string_view name) {
  for (const std::string_view prefix : kPrefixes) {
    if (name.starts_with(prefix) && name.size() > prefix.size()) {
      return std::string(name.substr(prefix.size()));
    }
  }
  return std::string(name);
}

bool is_weight_file(const fs::path& file) {
  return file.extension() == ".safetensors" || file.extension() == ".gguf" ||
         file.string().ends_with(kIndexEnding);
}

std::vector<fs::path> weight_files(const fs::path& file) {
  std::set<fs::path> files{file};
  if (file.string().ends_with(kIndexEnding)) {
    for (const auto& [name, shard] : shards_of(file)) {
      files.insert(file.parent_path() / shard);
    }
  }
  return {files.begin(), files.end()};
}

void Weights::add(std::string_view stored_name, Entry entry) {
  entry.stored_name = stored_name;
  std::string name = without_prefix(stored_name);
  const std::string file = entry.file->name();
  const auto [place, added] = entries_.try_emplace(std::move(name), std::move(entry));
  require(added, ErrorCode::kFile, file, ": tensor ", place->first,
          " is there twice (by its name without prefix)");
}

void Weights::add_file(const fs::path& path) {
  const auto file = std::make_shared<const WeightFile>(path);
  if (file->is_gguf()) {
    GgufHeader header = file->read_gguf();
    for (auto& [name, tensor] : header.tensors) {
      const bool plain = tensor.type->is_plain();
      add(name, {.file = file,
                 .dtype = plain ? tensor.type->dtype : at::kFloat,
                 .blocks = plain ? nullptr : tensor.type,
                 .shape = std::move(tensor.shape),
                 .begin = header.data_begin + tensor.begin,
                 .end = header.data_begin + tensor.end});
    }
    for (const auto& [key, value] : header.values.all()) {
      if (value.kind == GgufKind::kString && !value.is_array) {
        metadata_.try_emplace(key, value.bytes);
      }
    }
    gguf_ = std::make_shared<const GgufValues>(std::move(header.values));
    return;
  }
  SafetensorsHeader header = file->read_safetensors();
  for (auto& [name, tensor] : header.tensors) {
    add(name, {.file = file,
               .dtype = tensor.dtype,
               .shape = std::move(tensor.shape),
               .begin = header.data_begin + tensor.begin,
               .end = header.data_begin + tensor.end});
  }
  metadata_.merge(header.metadata);
}

void Weights::apply_scales() {
  for (const auto& [name, entry] : entries_) {
    check_read(entry);
  }
  const WeightScales scales = find_scales(*this);
  for (const auto& [weight, scale] : scales.scale_of) {
    entries_.find(weight)->second.scale = scale;
  }
  for (const std::string& name : scales.without_effect) {
    entry(name).used = true;
  }
}

void Weights::add_files(const std::vector<fs::path>& files) {
  require(!files.empty(), ErrorCode::kUsage, "no weight file was given");
  source_ = files.front().string();
  for (const fs::path& file : files) {
    add_file(file);
  }
}

Weights Weights::open_unscaled(const fs::path& file) {
  Weights weights;
  if (!file.string().ends_with(kIndexEnding)) {
    weights.add_files({file});
    return weights;
  }
  const std::map<std::string, std::string> shards = shards_of(file);
  std::set<fs::path> files;
  for (const auto& [name, shard] : shards) {
    files.insert(file.parent_path() / shard);
  }
  weights.add_files({files.begin(), files.end()});
  weights.source_ = file.string();
  for (const auto& [name, shard] : shards) {
    const auto found = weights.entries_.find(without_prefix(name));
    require(found != weights.entries_.end() &&
                found->second.file->name() == (file.parent_path() / shard).string(),
            ErrorCode::kFile, file.string(), ": weight_map says that tensor ", name, " is in ",
            shard, ", but it is not");
  }
  return weights;
}

Weights Weights::open(const fs::path& file) {
  Weights weights = open_unscaled(file);
  weights.apply_scales();
  return weights;
}

Weights Weights::open(const std::vector<fs::path>& files) {
  Weights weights;
  weights.add_files(files);
  weights.apply_scales();
  return weights;
}

void Weights::rename(const std::function<std::string(std::string_view)>& name_of) {
  std::map<std::string, Entry, std::less<>> renamed;
  for (auto& [name, entry] : entries_) {
    if (!entry.scale.empty()) {
      entry.scale = name_of(entry.scale);
    }
    const std::string place = place_of(name);
    const auto [found, added] = renamed.try_emplace(name_of(name), std::move(entry));
    require(added, ErrorCode::kFile, place, " is ", found->second.stored_name,
            " under another name, which is there too");
  }
  entries_ = std::move(renamed);
}

std::vector<std::string> Weights::names() const {
  std::vector<std::string> names;
  names.reserve(entries_.size());
  for (const auto& [name, entry] : entries_) {
    names.push_back(name);
  }
  return names;
}

bool Weights::contains(std::string_view name) const {
  return entries_.find(name) != entries_.end();
}

const Weights::Entry& Weights::entry(std::string_view name) const {
  const auto found = entries_.find(name);
  require(found != entries_.end(), ErrorCode::kFile, source_, ": tensor ", name, " is missing");
  return found->second;
}

const std::vector<std::int64_t>& Weights::shape(std::string_view name) const {
  return entry(name).shape;
}

at::ScalarType Weights::dtype(std::string_view name) const { return entry(name).dtype; }

std::string Weights::place_of(std::string_view name) const {
  const Entry& found = entry(name);
  return concat(found.file->name(), ": tensor ", found.stored_name);
}

void Weights::check_read(const Entry& entry) const {
  require(entry.blocks == nullptr || entry.blocks->is_read(), ErrorCode::kUnsupported,
          entry.file->name(), ": tensor ", entry.stored_name, " is of type ",
          entry.blocks == nullptr ? "" : entry.blocks->name, "; known are ", ggml_types_read(),
          "; use the model's file of one of these");
}

at::Tensor Weights::read(const Entry& entry) const { return read(entry, entry.dtype); }

at::Tensor Weights::empty(at::IntArrayRef sizes, at::ScalarType dtype) const {
  const auto options = at::TensorOptions().dtype(dtype);
  if (pinned_) {
    try {
      return at::empty(sizes, options.pinned_memory(true));
    } catch (const c10::Error&) {
      // Plain memory does, too.
    }
  }
  return at::empty(sizes, options);
}

at::Tensor Weights::read(const Entry& entry, at::ScalarType dtype) const {
  if (entry.blocks != nullptr) {
    at::Tensor copy = empty(entry.shape, dtype);
    read_blocks(entry, entry.begin, copy);
    return copy;
  }
  at::Tensor copy = empty(entry.shape, entry.dtype);
  if (copy.numel() > 0) {
    entry.file->read(entry.begin, copy.mutable_data_ptr(), entry.end - entry.begin, stop_);
  }
  return copy.to(dtype);
}

// Fills `to` with the numbers of the blocks from byte `begin` of the file on, piece by piece.
void Weights::read_blocks(const Entry& entry, std::uint64_t begin, at::Tensor& to) const {
  check_read(entry);
  const auto elements = static_cast<std::int64_t>(entry.blocks->elements);
  const at::Tensor flat = to.view({-1});
  std::vector<std::uint8_t> bytes(
      static_cast<std::size_t>(std::min(flat.numel(), kPieceElements) / elements) *
      entry.blocks->bytes);
  for (std::int64_t done = 0; done < flat.numel(); done += kPieceElements) {
    const std::int64_t count = std::min(flat.numel() - done, kPieceElements);
    const std::uint64_t size = static_cast<std::uint64_t>(count / elements) * entry.blocks->bytes;
    entry.file->read(begin, bytes.data(), size, stop_);
    begin += size;
    write_blocks(*entry.blocks, bytes.data(), flat.narrow(0, done, count));
  }
}

at::Tensor Weights::get(std::string_view name) const {
  const Entry& found = entry(name);
  found.used = true;
  return read(found);
}

at::Tensor Weights::scale_of(const Entry& found, std::string_view name) const {
  const Entry& scale = entry(found.scale);
  const at::Tensor factor = read(scale).to(at::kFloat);
  // Compared so that a NaN is refused too.
  require(((factor > 0) & (factor < std::numeric_limits<float>::infinity())).all().item<bool>(),
          ErrorCode::kFile, place_of(found.scale), " holds a scale of tensor ", name,
          " that is not a number above 0");
  return factor;
}

at::Tensor Weights::scaled(const Entry& found, std::string_view name) const {
  const at::Tensor factor = scale_of(found, name);
  const at::Tensor by = factor.numel() == 1 ? factor.reshape({}) : factor;
  return read(found).to(at::kFloat).mul_(by);
}

void Weights::check_numbers(const Entry& found, std::string_view name,
                            at::IntArrayRef sizes) const {
  require(at::IntArrayRef(found.shape) == sizes, ErrorCode::kFile, place_of(name), " has shape ",
          at::IntArrayRef(found.shape), ", not ", sizes);
  require(c10::isFloatingType(found.dtype), ErrorCode::kFile, place_of(name), " has dtype ",
          safetensors_dtype_name(found.dtype), ", not a floating-point one");
}

std::int64_t Weights::stored_bytes(std::string_view name, at::IntArrayRef sizes,
                                   at::ScalarType dtype) const {
  const Entry& found = entry(name);
  const auto stored = static_cast<std::int64_t>(found.end - found.begin);
  const std::int64_t in_dtype =
      c10::multiply_integers(sizes) * static_cast<std::int64_t>(c10::elementSize(dtype));
  if (numbers_of(found.blocks, found.dtype) == StoredNumbers::kPlain || stored >= in_dtype) {
    return in_dtype;
  }
  const std::int64_t scales =
      found.scale.empty() ? 0 : c10::multiply_integers(entry(found.scale).shape);
  return stored + scales * static_cast<std::int64_t>(sizeof(float));
}

std::optional<KeptMatrix> Weights::get_stored(std::string_view name, at::IntArrayRef sizes,
                                              at::ScalarType dtype) const {
  TWILL_ASSERT(sizes.size() == 2);
  if (stop_.stop_requested()) {
    throw Cancelled();
  }
  const Entry& found = entry(name);
  check_numbers(found, name, sizes);
  const std::int64_t in_dtype =
      c10::multiply_integers(sizes) * static_cast<std::int64_t>(c10::elementSize(dtype));
  if (stored_bytes(name, sizes, dtype) >= in_dtype) {
    return std::nullopt;
  }
  found.used = true;
  KeptMatrix kept{.numbers = numbers_of(found.blocks, found.dtype),
                  .rows = sizes[0],
                  .columns = sizes[1],
                  .scaled = !found.scale.empty()};
  const auto bytes = static_cast<std::int64_t>(found.end - found.begin);
  if (kept.scaled) {
    entry(found.scale).used = true;
  }
  if (headers_only_) {
    const auto meta = at::TensorOptions().device(at::kMeta);
    kept.values = at::empty({bytes}, meta.dtype(at::kByte));
    if (kept.scaled) {
      kept.scale = at::empty({1}, meta.dtype(at::kFloat));
    }
    return kept;
  }
  kept.values = empty({bytes}, at::kByte);
  found.file->read(found.begin, kept.values.mutable_data_ptr(), found.end - found.begin, stop_);
  if (kept.scaled) {
    kept.scale = scale_of(found, name).reshape({-1}).contiguous();
  }
  return kept;
}

at::Tensor Weights::get(std::string_view name, at::IntArrayRef sizes, at::ScalarType dtype) const {
  if (stop_.stop_requested()) {
    throw Cancelled();
  }
  const Entry& found = entry(name);
  check_numbers(found, name, sizes);
  found.used = true;
  if (!found.scale.empty()) {
    entry(found.scale).used = true;
  }
  if (headers_only_) {
    return at::empty(sizes, at::TensorOptions().dtype(dtype).device(at::kMeta));
  }
  return found.scale.empty() ? read(found, dtype) : scaled(found, name).to(dtype);
}

at::Tensor Weights::get_rows(std::string_view name, at::IntArrayRef sizes,
                             const std::vector<std::int64_t>& rows, at::ScalarType dtype) const {
  const Entry& found = entry(name);
  TWILL_ASSERT(sizes.size() == 2 && std::ranges::all_of(rows, [&](std::int64_t row) {
                 return row >= 0 && row < sizes[0];
               }));
  // A row of a tensor that has another shape in the file may share a block with the next one.
  const bool whole_blocks =
      found.blocks == nullptr || sizes[1] % static_cast<std::int64_t>(found.blocks->elements) == 0;
  if (!found.scale.empty() || headers_only_ || at::IntArrayRef(found.shape) != sizes ||
      !c10::isFloatingType(found.dtype) || !whole_blocks) {
    const at::Tensor whole = get(name, sizes, dtype);
    return whole.index_select(0, at::tensor(rows, at::kLong).to(whole.device()));
  }
  found.used = true;
  at::Tensor copy = at::empty({std::ssize(rows), sizes[1]}, at::TensorOptions().dtype(found.dtype));
  const std::uint64_t bytes = (found.end - found.begin) / static_cast<std::uint64_t>(sizes[0]);
  for (std::int64_t i = 0; i < std::ssize(rows); ++i) {
    const std::uint64_t begin =
        found.begin + static_cast<std::uint64_t>(rows[static_cast<std::size_t>(i)]) * bytes;
    at::Tensor row = copy[i];
    if (found.blocks != nullptr) {
      read_blocks(found, begin, row);
    } else {
      found.file->read(begin, row.mutable_data_ptr(), bytes, stop_);
    }
  }
  return copy.to(dtype);
}

bool Weights::changes_nothing(const std::string& name, const Entry& entry) const {
  return std::ranges::any_of(kHarmless, [&](const Harmless& harmless) {
    const bool named = harmless.at_start ? entry.stored_name.starts_with(harmless.part)
                                         : name.ends_with(harmless.part);
    return named &&
           (!harmless.zeros || headers_only_ || !read(entry).to(at::kFloat).any().item<bool>());
  });
}

void Weights::check_all_used(std::string_view network) const {
  const std::string* first = nullptr;
  std::size_t more = 0;
  for (const auto& [name, entry] : entries_) {
    if (!entry.used && !changes_nothing(name, entry)) {
      more += first == nullptr ? 0 : 1;
      first = first == nullptr ? &name : first;
    }
  }
  if (first != nullptr) {
    const std::string others = more == 0   ? std::string()
                               : more == 1 ? " (and 1 more)"
                                           : concat(" (and ", more, " more)");
    throw Error(ErrorCode::kUnsupported,
                is_of_lora(entry(*first).stored_name)
                    ? concat(place_of(*first), others,
                             " is of a LoRA that was not merged into the model; merge it, or use "
                             "the model's file without it")
                    : concat(place_of(*first), others, " is not known: ", network,
                             " does not have it, and it may change what the model is"));
  }
  check_unchanged();
}

void Weights::check_unchanged() const {
  std::set<const WeightFile*> files;
  for (const auto& [name, entry] : entries_) {
    if (files.insert(entry.file.get()).second) {
      entry.file->check_unchanged();
    }
  }
}

void write_safetensors(const fs::path& file, const std::map<std::string, at::Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  nlohmann::json header = nlohmann::json::object();
  if (!metadata.empty()) {
    header["__metadata__"] = metadata;
  }
  std::vector<at::Tensor> stored;
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    const std::string_view dtype = safetensors_dtype_name(tensor.scalar_type());
    require(!dtype.empty(), ErrorCode::kUnsupported, file.string(), ": tensor ", name,
            " has a dtype that safetensors cannot hold: ", c10::toString(tensor.scalar_type()));
    stored.push_back(tensor.cpu().contiguous());
    const std::uint64_t end = offset + stored.back().nbytes();
    header[name] = {
        {"dtype", dtype}, {"shape", tensor.sizes().vec()}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = json_dump(header);
  text.resize((text.size() + 7) / 8 * 8, ' ');  // data starts at a multiple of 8 bytes

  UnfinishedFile whole(file);
  std::string length(8, '\0');
  for (int i = 0; i < 8; ++i) {
    length[static_cast<std::size_t>(i)] = static_cast<char>(text.size() >> (8 * i) & 0xff);
  }
  whole.write(length);
  whole.write(text);
  for (const at::Tensor& tensor : stored) {
    whole.write({static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()});
  }
  whole.finish();
}

}  // namespace twill::engine
