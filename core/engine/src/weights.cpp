// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/weights.h"

#include <ATen/ATen.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "safetensors_header.h"
#include "twill/plan/error.h"

namespace twill::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 3> kPrefixes{"model.diffusion_model.", "diffusion_model.",
                                                    "model."};
constexpr std::uintmax_t kMostIndexBytes = 64'000'000;
constexpr std::string_view kIndexEnding = ".safetensors.index.json";

std::string stripped(std::string_view name) {
  for (const std::string_view prefix : kPrefixes) {
    if (name.starts_with(prefix) && name.size() > prefix.size()) {
      return std::string(name.substr(prefix.size()));
    }
  }
  return std::string(name);
}

// Names of the shards of an index file, each a plain file name.
std::set<std::string> shards_of(const fs::path& index) {
  std::error_code error;
  const std::uintmax_t bytes = fs::file_size(index, error);
  require(!error, ErrorCode::kFile, index.string(), ": ", error.message());
  require(bytes <= kMostIndexBytes, ErrorCode::kFile, index.string(), ": ", bytes,
          " bytes are over the limit of ", kMostIndexBytes);
  std::ifstream stream(index, std::ios::binary);
  const nlohmann::json document =
      nlohmann::json::parse(stream, nullptr, /*allow_exceptions=*/false);
  require(
      document.is_object() && document.contains("weight_map") && document["weight_map"].is_object(),
      ErrorCode::kFile, index.string(), ": not an index with a weight_map");
  std::set<std::string> shards;
  for (const auto& [name, shard] : document["weight_map"].items()) {
    require(shard.is_string(), ErrorCode::kFile, index.string(), ": weight_map[\"", name,
            "\"] is not text");
    const fs::path path(shard.get<std::string>());
    require(path == path.filename() && path.extension() == ".safetensors", ErrorCode::kFile,
            index.string(), ": weight_map[\"", name, "\"]: ", path,
            " is not the name of a .safetensors file beside it");
    shards.insert(path.string());
  }
  require(!shards.empty(), ErrorCode::kFile, index.string(), ": weight_map is empty");
  return shards;
}

}  // namespace

// A read-only mapping of a whole file.
struct Weights::File {
  explicit File(const fs::path& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    require(descriptor >= 0, ErrorCode::kFile, path.string(), ": ", std::strerror(errno));
    struct stat status {};
    const bool known = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
    size = known ? static_cast<std::size_t>(status.st_size) : 0;
    void* const mapped =
        size > 0 ? ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0) : MAP_FAILED;
    const int problem = errno;
    ::close(descriptor);
    require(known, ErrorCode::kFile, path.string(), ": not a regular file");
    require(size > 0, ErrorCode::kFile, path.string(), ": the file is empty");
    require(mapped != MAP_FAILED, ErrorCode::kSystem, path.string(), ": ", std::strerror(problem));
    data = static_cast<char*>(mapped);
  }
  ~File() { ::munmap(data, size); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  char* data = nullptr;
  std::size_t size = 0;
};

void Weights::add_file(const fs::path& path) {
  const auto file = std::make_shared<const File>(path);
  SafetensorsHeader header =
      read_safetensors_header(std::string_view(file->data, file->size), path.string());
  for (auto& [name, tensor] : header.tensors) {
    const bool added =
        entries_
            .try_emplace(stripped(name),
                         Entry{file, tensor.dtype, std::move(tensor.shape),
                               header.data_begin + tensor.begin, header.data_begin + tensor.end})
            .second;
    require(added, ErrorCode::kFile, path.string(), ": tensor ", stripped(name),
            " is there twice (by its name without prefix)");
  }
  metadata_.merge(header.metadata);
}

Weights Weights::open(const fs::path& file) {
  if (!file.string().ends_with(kIndexEnding)) {
    return open(std::vector{file});
  }
  std::vector<fs::path> files;
  for (const std::string& shard : shards_of(file)) {
    files.push_back(file.parent_path() / shard);
  }
  Weights weights = open(files);
  weights.source_ = file.string();
  return weights;
}

Weights Weights::open(const std::vector<fs::path>& files) {
  require(!files.empty(), ErrorCode::kUsage, "no weight file was given");
  Weights weights;
  weights.source_ = files.front().string();
  for (const fs::path& file : files) {
    weights.add_file(file);
  }
  return weights;
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

at::Tensor Weights::get(std::string_view name) const {
  const Entry& found = entry(name);
  char* const data = found.file->data + found.begin;
  const auto options = at::TensorOptions().dtype(found.dtype);
  if (reinterpret_cast<std::uintptr_t>(data) % c10::elementSize(found.dtype) == 0) {
    return at::from_blob(
        data, found.shape, [file = found.file](void*) {}, options);
  }
  at::Tensor copy = at::empty(found.shape, options);
  if (copy.numel() > 0) {
    std::memcpy(copy.mutable_data_ptr(), data, found.end - found.begin);
  }
  return copy;
}

at::Tensor Weights::get(std::string_view name, at::IntArrayRef sizes, at::ScalarType dtype) const {
  if (stop_.stop_requested()) {
    throw Cancelled();
  }
  const Entry& found = entry(name);
  require(at::IntArrayRef(found.shape) == sizes, ErrorCode::kFile, source_, ": tensor ", name,
          " has shape ", at::IntArrayRef(found.shape), ", not ", sizes);
  require(c10::isFloatingType(found.dtype), ErrorCode::kFile, source_, ": tensor ", name,
          " has dtype ", safetensors_dtype_name(found.dtype), ", not a floating-point one");
  return get(name).to(dtype, /*non_blocking=*/false, /*copy=*/true);
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
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // data starts at a multiple of 8 bytes

  fs::path temporary = file;
  temporary += concat(".", ::getpid(), ".tmp");
  std::ofstream stream(temporary, std::ios::binary | std::ios::trunc);
  const std::uint64_t length = text.size();
  for (int i = 0; i < 8; ++i) {
    stream.put(static_cast<char>(length >> (8 * i) & 0xff));
  }
  stream << text;
  for (const at::Tensor& tensor : stored) {
    stream.write(static_cast<const char*>(tensor.const_data_ptr()),
                 static_cast<std::streamsize>(tensor.nbytes()));
  }
  stream.close();
  std::error_code error;
  if (stream) {
    fs::rename(temporary, file, error);
  }
  if (!stream || error) {
    const std::string reason = error ? error.message() : std::strerror(errno);
    fs::remove(temporary, error);
    throw Error(ErrorCode::kSystem, concat(file.string(), ": cannot be written: ", reason));
  }
}

}  // namespace twill::engine
