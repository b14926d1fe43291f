// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Tensors of safetensors and GGUF files: headers are read when a file is opened, a tensor's bytes
// when it is asked for.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "twill/engine/kept_matrix.h"

namespace twill::engine {

class GgufValues;
class WeightFile;
struct GgmlType;

// A tensor's name without a leading "model.diffusion_model.", "diffusion_model." or "model.".
std::string without_prefix(std::string_view name);

// By its name: one that Weights::open() can be given.
bool is_weight_file(const std::filesystem::path& file);

// The files that Weights::open(file) reads: itself, and the shards of an index. Throws
// Error(kFile).
std::vector<std::filesystem::path> weight_files(const std::filesystem::path& file);

// Of a file that holds a whole model, as ComfyUI's node CheckpointSave writes it.
enum class WeightPart { kNetwork, kVae, kText };

// One network's tensors, by their names without prefix. Weights in fp8 that stand beside scales are
// read scaled (weight_scales.h), quantised ones of GGUF as the fp32 numbers that their blocks stand
// for (gguf_blocks.h). For one thread.
class Weights {
 public:
  // A safetensors or GGUF file, told by its first bytes, or a .safetensors.index.json whose shards
  // lie beside it. Throws Error(kFile) naming the file, and the tensor and the value where there is
  // one; Error(kUnsupported) when tensors are stored in a way that is not known.
  static Weights open(const std::filesystem::path& file);
  // Several files that hold one model; a name may stand in one of them only.
  static Weights open(const std::vector<std::filesystem::path>& files);
  // The part alone of such a file, by the names that it has in a file of its own; a file that does
  // not hold it among others is taken as it is. No other part is left in what is a network's.
  static Weights open(const std::filesystem::path& file, WeightPart part);
  static Weights open_unscaled(const std::filesystem::path& file, WeightPart part);
  // For a look at what a file is: however its tensors are stored, their scales are left alone.
  static Weights open_unscaled(const std::filesystem::path& file);

  // Reading from a slow disk takes long: once a stop is asked for, copies throw Cancelled.
  void set_stop(std::stop_token stop) { stop_ = std::move(stop); }
  // Copies that go on to a GPU are made in pinned memory, from which it takes them faster, where
  // the system gives some.
  void set_pinned(bool pinned = true) { pinned_ = pinned; }
  // From now on copies have no bytes (they are on the meta device): only headers are read.
  void set_headers_only() { headers_only_ = true; }

  // Every tensor gets another name to be asked for by; messages keep the stored one. Throws
  // Error(kFile) when two get the same.
  void rename(const std::function<std::string(std::string_view)>& name_of);

  const std::string& source() const {
    return source_;
  }  // for messages: the file, or the first of several
  // Of a GGUF file: its values that are texts.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  // All values of a GGUF file's header (gguf_header.h); null for others.
  const GgufValues* gguf() const { return gguf_.get(); }
  std::vector<std::string> names() const;  // sorted
  // Of a whole file: whether it holds that among others.
  bool has_part(WeightPart part) const;
  bool contains(std::string_view name) const;

  // Sizes and dtype as stored; fp32 for quantised tensors of GGUF. Throw Error(kFile) when the
  // tensor is missing.
  const std::vector<std::int64_t>& shape(std::string_view name) const;
  at::ScalarType dtype(std::string_view name) const;
  // A copy in dtype(name), without its scale. Throws Error(kFile) when the file has shrunk.
  at::Tensor get(std::string_view name) const;
  // A copy in `dtype`, scaled, after a check of its sizes. Throws Cancelled as set_stop() says.
  at::Tensor get(std::string_view name, at::IntArrayRef sizes, at::ScalarType dtype) const;
  // The same matrix [rows, columns] as the file has it, where its numbers are smaller than those of
  // `dtype` and can be kept so; else nothing, and it was not asked for. Throws as get().
  std::optional<KeptMatrix> get_stored(std::string_view name, at::IntArrayRef sizes,
                                       at::ScalarType dtype) const;
  // What that would take; bytes of a tensor in `dtype` where there is nothing.
  std::int64_t stored_bytes(std::string_view name, at::IntArrayRef sizes,
                            at::ScalarType dtype) const;
  // The same of single rows of a matrix of those sizes, in that order; only their bytes are read.
  at::Tensor get_rows(std::string_view name, at::IntArrayRef sizes,
                      const std::vector<std::int64_t>& rows, at::ScalarType dtype) const;

  // For the end of loading: nothing of the files may be lost silently. Throws Error(kUnsupported)
  // naming a tensor that was never asked for, unless it is known to change nothing; Error(kFile)
  // when a file was written to meanwhile. network: "a Wan 2.1 VAE".
  void check_all_used(std::string_view network) const;
  // Throws Error(kFile) when a file was written to since it was opened.
  void check_unchanged() const;
  // "file: tensor name", as stored there, to begin a message.
  std::string place_of(std::string_view name) const;

 private:
  struct Entry {
    std::shared_ptr<const WeightFile> file;
    std::string stored_name;
    at::ScalarType dtype = at::kFloat;
    const GgmlType* blocks = nullptr;  // that it is stored in; null for plain numbers
    std::vector<std::int64_t> shape;
    std::uint64_t begin = 0;  // bytes from the start of the file
    std::uint64_t end = 0;
    std::string scale;  // name of the tensor that it is multiplied by; may be empty
    mutable bool used = false;
  };

  const Entry& entry(std::string_view name) const;
  at::Tensor read(const Entry& entry) const;
  // The same in another dtype, of quantised tensors piece by piece.
  at::Tensor read(const Entry& entry, at::ScalarType dtype) const;
  void read_blocks(const Entry& entry, std::uint64_t begin, at::Tensor& to) const;
  void check_read(const Entry& entry) const;
  at::Tensor scaled(const Entry& entry, std::string_view name) const;
  at::Tensor empty(at::IntArrayRef sizes, at::ScalarType dtype) const;
  at::Tensor scale_of(const Entry& entry, std::string_view name) const;
  void check_numbers(const Entry& entry, std::string_view name, at::IntArrayRef sizes) const;
  void add(std::string_view stored_name, Entry entry);
  void add_file(const std::filesystem::path& file);
  void add_files(const std::vector<std::filesystem::path>& files);
  void apply_scales();
  void take_part(WeightPart part);
  bool changes_nothing(const std::string& name, const Entry& entry) const;

  std::string source_;
  std::stop_token stop_;
  bool headers_only_ = false;
  bool pinned_ = false;
  std::map<std::string, Entry, std::less<>> entries_;
  std::map<std::string, std::string> metadata_;
  std::shared_ptr<const GgufValues> gguf_;
};

// Whole or not at all (twill/plan/unfinished.h). Throws Error(kSystem) naming `file`.
void write_safetensors(const std::filesystem::path& file,
                       const std::map<std::string, at::Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace twill::engine
