// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A network's layers where they do not all fit on the device: they stand in host memory, some of
// them on the device too, and the others are copied there before their turn while the layer before
// them computes.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/Event.h>
#include <c10/core/Stream.h>

#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

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

 private:
  friend class LayerStore;
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
  // bytes_on_device: the most that layers may take there at a time; empty: all stay there, and none
  // in host memory. One layer is always there.
  LayerStore(at::Device device, std::int64_t layers, std::optional<std::int64_t> bytes_on_device);
  // Waits for the copies that are on their way: what they write to is free from then on.
  ~LayerStore();
  LayerStore(const LayerStore&) = delete;
  LayerStore& operator=(const LayerStore&) = delete;

  // The next layer's, on the CPU where bytes_on_device is given, else on the device.
  void add(LayerTensors tensors);

  bool is_limited() const { return limit_.has_value(); }
  std::int64_t layers() const { return layers_; }
  // How many layers stay on the device between passes.
  std::int64_t resident() const;
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
  bool is_streamed(std::int64_t layer) const;
  std::int64_t next_streamed(std::int64_t layer) const;
  std::int64_t slot_count() const;
  void place_on_device();
  void copy(std::int64_t layer, const at::Tensor& to) const;
  Slot& fetch(std::int64_t layer, const Slot* keep);
  at::Tensor device_bytes(std::int64_t bytes) const;

  at::Device device_;
  std::int64_t layers_;
  std::optional<std::int64_t> limit_;
  std::mutex mutex_;
  std::vector<LayerPacking> packings_;
  std::int64_t largest_ = 0;                   // bytes of a layer
  std::int64_t all_ = 0;                       // and of all
  std::vector<LayerTensors> whole_;            // without a limit
  std::vector<std::vector<at::Tensor>> host_;  // with one: pieces of uint8 of each layer
  std::vector<at::Tensor> on_device_;          // packed; undefined where a layer is streamed
  std::vector<Slot> slots_;
  std::optional<c10::Stream> copies_;  // the stream that they run on; none on the CPU
};

}  // namespace twill::engine
