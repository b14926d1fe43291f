// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "clip_previews.h"

#include <c10/util/Exception.h>

#include <utility>

#include "twill/engine/latent_preview.h"
#include "twill/plan/error.h"

namespace twill::jobs {

ClipPreviews::ClipPreviews(at::Tensor colours, std::function<Draw()> load,
                           std::function<void(const std::string&)> note)
    : colours_(std::move(colours)), load_(std::move(load)), note_(std::move(note)) {}

at::Tensor ClipPreviews::pictures(const at::Tensor& latents) {
  try {
    if (load_) {
      draw_ = std::exchange(load_, nullptr)();
    }
    if (draw_) {
      return draw_(latents);
    }
  } catch (const c10::OutOfMemoryError&) {
    give_up("the device has no memory left for finer ones");
  } catch (const Error& error) {
    give_up(error.what());
  }
  return engine::preview_latents(latents, colours_);
}

void ClipPreviews::give_up(const std::string& why) {
  draw_ = nullptr;
  if (note_) {
    note_("previews are a pixel for each latent cell: " + why);
  }
}

}  // namespace twill::jobs
