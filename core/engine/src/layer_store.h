// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A network's layers where they do not all fit on the device: they stand in host memory, or in
// their file where that has no room, some of them on the device too, and the others are copied
// there before their turn while the layer before them computes.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/Event.h>
#include <c10/core/Stream.h>

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "layer_places.h"

namespace twill::engine {

// Tensors of one layer, in an order that the network knows.
using LayerTensors = std::vector<at::Tensor>;

// How the tensors of a layer lie in one run of bytes.
class LayerPacking {
 public:
  LayerPacking() = default;
  // Of tensors with these sizes and dtypes.
  explicit LayerPacking(const LayerTensors& like);

  std::int64_t bytes() const { return bytes_; }
  // Of [bytes()] uint8 on any device.
  LayerTensors views(const at::Tensor& packed) const;
  // Writes their bytes into pieces of 32 MiB of host memory; the last one may be smaller.
  void pack(const LayerTensors& tensors, const std::vector<at::Tensor>& pieces) const;

 private:
  struct Place {
    std::vector<std::int64_t> sizes;
    at::ScalarType dtype;
    std::int64_t offset, bytes;
  };
  std::vector<Place> places_;
  std::int64_t bytes_ = 0;
};

class LayerStore {
 public:
  // A layer anew, on the CPU, as add() was given it. Throws what reading a file throws.
  using Read = std::function<LayerTensors(std::int64_t layer)>;

  // All stay on the device, and none in host memory.
  LayerStore(at::Device device, std::int64_t layers);
  // They stand where `places` says; one layer is always on the device. read: of layers that are in
  // no memory.
  LayerStore(at::Device device, const LayerPlaces& places, Read read);
  // Waits for the copies that are on their way: what they write to is free from then on.
  ~LayerStore();
  LayerStore(const LayerStore&) = delete;
  LayerStore& operator=(const LayerStore&) = delete;

  // The next layer's, on the CPU where there are places, else on the device.
  void add(LayerTensors tensors);

  bool is_limited() const { return places_.has_value(); }
  std::int64_t layers() const { return layers_; }
  // How many layers stay on the device between passes.
  std::int64_t resident() const { return places_ ? places_->resident() : layers_; }
  // Gives the device's memory back until the next pass; without a limit nothing happens.
  void release();

  // One walk over the layers, from the first to the last. Where they are limited, another thread's
  // waits for its end.
  class Pass {
   public:
    explicit Pass(LayerStore& store);
    // On the device, until the next call.
    LayerTensors layer(std::int64_t index);

   private:
    LayerStore& store_;
    std::unique_lock<std::mutex> lock_;
  };

 private:
  struct Slot {
    at::Tensor bytes;
    std::int64_t layer = -1;
    std::optional<c10::Event> copied;
  };

  const LayerPacking& packing(std::int64_t layer) const {
    return packings_[static_cast<std::size_t>(layer)];
  }
  using Pieces = std::vector<at::Tensor>;  // of uint8, one behind the other

  Pieces new_pieces(std::int64_t bytes) const;
  std::int64_t next_streamed(std::int64_t layer) const;
  void place_on_device();
  void copy(std::int64_t layer, const at::Tensor& to);
  // In the pieces that all such layers share, once the copy before is through with them.
  const Pieces& read_from_file(std::int64_t layer);
  Slot& fetch(std::int64_t layer, const Slot* keep);
  at::Tensor device_bytes(std::int64_t bytes) const;

  at::Device device_;
  std::int64_t layers_;
  std::optional<LayerPlaces> places_;
  Read read_;
  std::mutex mutex_;
  std::vector<LayerPacking> packings_;
  std::int64_t largest_ = 0;           // bytes of a layer
  std::vector<LayerTensors> whole_;    // without places
  std::vector<Pieces> host_;           // with them; none where a layer is in its file
  Pieces passing_;                     // a layer between its file and the device
  std::optional<c10::Event> passed_;   // the copy from there
  std::vector<at::Tensor> on_device_;  // packed; undefined where a layer is streamed
  std::vector<Slot> slots_;
  std::optional<c10::Stream> copies_;  // the stream that they run on; none on the CPU
};

}  // namespace twill::engine
