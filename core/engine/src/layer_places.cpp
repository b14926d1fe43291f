// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "layer_places.h"

#include <algorithm>

namespace twill::engine {
namespace {

// Whether the one at `index` is among `some` of `all` that are spread evenly.
bool is_chosen(std::int64_t index, std::int64_t some, std::int64_t all) {
  return (index + 1) * some / all > index * some / all;
}

}  // namespace

LayerPlaces::LayerPlaces(std::int64_t layers, std::int64_t all, std::int64_t largest,
                         const LayerLimits& limits)
    : layers_(layers), streamed_(layers - layers_within(layers, all, largest, limits.on_device)) {
  const std::int64_t from_file = layers - layers_within(layers, all, largest, limits.in_host);
  resident_from_file_ = std::min(from_file, resident());
  streamed_from_file_ = from_file - resident_from_file_;
  const std::int64_t fit = limits.on_device / std::max<std::int64_t>(1, largest);
  slots_ = std::min<std::int64_t>({2, streamed_, std::max<std::int64_t>(1, fit)});
}

// Spread evenly, so that each copy has as much computing beside it.
bool LayerPlaces::is_streamed(std::int64_t layer) const {
  return is_chosen(layer, streamed_, layers_);
}

bool LayerPlaces::is_in_host(std::int64_t layer) const {
  const std::int64_t streamed_before = layer * streamed_ / layers_;
  return is_streamed(layer) ? !is_chosen(streamed_before, streamed_from_file_, streamed_)
                            : !is_chosen(layer - streamed_before, resident_from_file_, resident());
}

}  // namespace twill::engine
