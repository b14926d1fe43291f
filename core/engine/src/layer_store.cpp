// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "layer_store.h"

#include <ATen/ATen.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <cstring>

#include "twill/plan/error.h"

namespace twill::engine {
namespace {

constexpr std::int64_t kAlignment = 256;  // bytes; what kernels may ask of a tensor's begin
// Torch rounds a piece of pinned memory up to a power of two: whole pieces lose nothing by it.
constexpr std::int64_t kPiece = std::int64_t{32} << 20;

// Pinned, so that copies run beside the host and the device; where the system gives none, plain
// memory, from which copies are slower.
at::Tensor host_piece(std::int64_t bytes, at::Device device) {
  const auto options = at::TensorOptions(at::kByte);
  if (device.is_cpu()) {
    return at::empty({bytes}, options);
  }
  try {
    return at::empty({bytes}, options.pinned_memory(true));
  } catch (const c10::Error&) {
    return at::empty({bytes}, options);
  }
}

}  // namespace

LayerPacking::LayerPacking(const LayerTensors& like) {
  for (const at::Tensor& tensor : like) {
    const auto bytes = static_cast<std::int64_t>(tensor.nbytes());
    places_.push_back({.sizes = tensor.sizes().vec(),
                       .dtype = tensor.scalar_type(),
                       .offset = bytes_,
                       .bytes = bytes});
    bytes_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }
}

void LayerPacking::pack(const LayerTensors& tensors, const std::vector<at::Tensor>& pieces) const {
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const at::Tensor tensor = tensors[i].contiguous();
    const auto* const from = static_cast<const std::byte*>(tensor.const_data_ptr());
    const Place& place = places_[i];
    for (std::int64_t done = 0; done < place.bytes;) {
      const std::int64_t at = place.offset + done;
      const std::int64_t in_piece = at % kPiece;
      const std::int64_t count = std::min(place.bytes - done, kPiece - in_piece);
      const at::Tensor& piece = pieces[static_cast<std::size_t>(at / kPiece)];
      std::memcpy(piece.mutable_data_ptr<std::uint8_t>() + in_piece, from + done,
                  static_cast<std::size_t>(count));
      done += count;
    }
  }
}

LayerTensors LayerPacking::views(const at::Tensor& packed) const {
  LayerTensors tensors;
  for (const Place& place : places_) {
    tensors.push_back(
        packed.narrow(0, place.offset, place.bytes).view(place.dtype).view(place.sizes));
  }
  return tensors;
}

LayerStore::LayerStore(at::Device device, std::int64_t layers) : device_(device), layers_(layers) {}

LayerStore::LayerStore(at::Device device, const LayerPlaces& places, Read read)
    : device_(device), layers_(places.layers()), places_(places), read_(std::move(read)) {
  if (!device_.is_cpu()) {
    const c10::impl::VirtualGuardImpl guard(device_.type());
    copies_ = guard.getStreamFromGlobalPool(device_, /*isHighPriority=*/true);
  }
}

LayerStore::~LayerStore() {
  if (copies_) {
    copies_->synchronize();
  }
}

LayerStore::Pieces LayerStore::new_pieces(std::int64_t bytes) const {
  Pieces pieces;
  for (std::int64_t begin = 0; begin < bytes; begin += kPiece) {
    pieces.push_back(host_piece(std::min(kPiece, bytes - begin), device_));
  }
  return pieces;
}

void LayerStore::add(LayerTensors tensors) {
  if (!places_) {
    whole_.push_back(std::move(tensors));
    return;
  }
  const auto layer = static_cast<std::int64_t>(packings_.size());
  const LayerPacking& packing = packings_.emplace_back(tensors);
  largest_ = std::max(largest_, packing.bytes());
  Pieces& pieces = host_.emplace_back();
  if (places_->is_in_host(layer)) {
    pieces = new_pieces(packing.bytes());
    packing.pack(tensors, pieces);
  }
}

std::int64_t LayerStore::next_streamed(std::int64_t layer) const {
  std::int64_t next = layer;
  do {
    next = (next + 1) % layers_;
  } while (!places_->is_streamed(next));
  return next;
}

at::Tensor LayerStore::device_bytes(std::int64_t bytes) const {
  return at::empty({bytes}, at::TensorOptions(at::kByte).device(device_));
}

const LayerStore::Pieces& LayerStore::read_from_file(std::int64_t layer) {
  // While the device computes, and the copy before may be on its way.
  const LayerTensors tensors = read_(layer);
  TWILL_ASSERT(LayerPacking(tensors).bytes() == packing(layer).bytes());
  if (passed_) {
    passed_->synchronize();
  }
  if (passing_.empty()) {
    passing_ = new_pieces(largest_);
  }
  packing(layer).pack(tensors, passing_);
  return passing_;
}

void LayerStore::copy(std::int64_t layer, const at::Tensor& to) {
  const Pieces& kept = host_[static_cast<std::size_t>(layer)];
  const bool from_file = kept.empty();
  const Pieces& pieces = from_file ? read_from_file(layer) : kept;
  const std::int64_t bytes = packing(layer).bytes();
  std::int64_t begin = 0;
  for (std::size_t i = 0; begin < bytes; ++i) {
    const std::int64_t count = std::min(pieces[i].numel(), bytes - begin);
    to.narrow(0, begin, count).copy_(pieces[i].narrow(0, 0, count), /*non_blocking=*/true);
    begin += count;
  }
  if (from_file && copies_) {
    passed_.emplace(device_.type());
    passed_->record(c10::impl::VirtualGuardImpl(device_.type()).getStream(device_));
  }
}

void LayerStore::place_on_device() {
  if (!on_device_.empty()) {
    return;
  }
  // All or nothing: the device may run out of memory in between.
  std::vector<at::Tensor> resident(static_cast<std::size_t>(layers_));
  std::vector<Slot> slots;
  for (std::int64_t i = 0; i < layers_; ++i) {
    if (!places_->is_streamed(i)) {
      at::Tensor& bytes = resident[static_cast<std::size_t>(i)];
      bytes = device_bytes(packing(i).bytes());
      copy(i, bytes);
    }
  }
  for (std::int64_t i = 0; i < places_->slots(); ++i) {
    slots.push_back({.bytes = device_bytes(largest_)});
  }
  on_device_ = std::move(resident);
  slots_ = std::move(slots);
}

void LayerStore::release() {
  if (!places_) {
    return;
  }
  const std::scoped_lock lock(mutex_);
  if (copies_) {
    // The allocator gives memory away in the order of the stream that computes.
    copies_->synchronize();
  }
  on_device_.clear();
  slots_.clear();
}

LayerStore::Slot& LayerStore::fetch(std::int64_t layer, const Slot* keep) {
  const auto holds = [&](const Slot& slot) { return slot.layer == layer; };
  if (const auto found = std::ranges::find_if(slots_, holds); found != slots_.end()) {
    return *found;
  }
  Slot& slot = slots_.size() > 1 && &slots_.front() == keep ? slots_.back() : slots_.front();
  slot.layer = -1;  // until it holds it: reading a file may fail
  if (!copies_) {
    copy(layer, slot.bytes);
    slot.layer = layer;
    return slot;
  }
  const c10::impl::VirtualGuardImpl guard(device_.type());
  // Whoever used the slot is in the queue by now.
  c10::Event used(device_.type());
  used.record(guard.getStream(device_));
  used.block(*copies_);
  const c10::Stream computing = guard.exchangeStream(*copies_);
  try {
    copy(layer, slot.bytes);
  } catch (...) {
    guard.exchangeStream(computing);
    throw;
  }
  guard.exchangeStream(computing);
  slot.layer = layer;
  slot.copied.emplace(device_.type());
  slot.copied->record(*copies_);
  return slot;
}

LayerStore::Pass::Pass(LayerStore& store)
    : store_(store),
      lock_(store.places_ ? std::unique_lock(store.mutex_) : std::unique_lock<std::mutex>()) {
  TWILL_ASSERT(static_cast<std::int64_t>(store_.places_ ? store_.host_.size()
                                                        : store_.whole_.size()) == store_.layers_);
  if (store_.places_) {
    store_.place_on_device();
  }
}

LayerTensors LayerStore::Pass::layer(std::int64_t index) {
  const auto at = static_cast<std::size_t>(index);
  if (!store_.places_) {
    return store_.whole_[at];
  }
  if (store_.on_device_[at].defined()) {
    return store_.packing(index).views(store_.on_device_[at]);
  }
  Slot& slot = store_.fetch(index, nullptr);
  if (slot.copied) {
    const c10::impl::VirtualGuardImpl guard(store_.device_.type());
    slot.copied->block(guard.getStream(store_.device_));
  }
  if (store_.slots_.size() > 1) {
    store_.fetch(store_.next_streamed(index), &slot);
  }
  return store_.packing(index).views(slot.bytes);
}

}  // namespace twill::engine
