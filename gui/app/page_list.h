// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The pages of the window, in their order.
#pragma once

#include <memory>
#include <vector>

#include "base/page.h"
#include "plan/session.h"

namespace twill::gui {

std::vector<std::unique_ptr<Page>> make_pages(const Session& session);

}  // namespace twill::gui
