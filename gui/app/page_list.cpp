// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "app/page_list.h"

#include <utility>

#include "app/settings_page.h"
#include "app/shortcuts_page.h"
#include "comfy/comfy_page.h"
#include "generate/generate_page.h"
#include "heads/compare_page.h"
#include "heads/heads_page.h"
#include "search/search_page.h"

namespace twill::gui {

std::vector<std::unique_ptr<Page>> make_pages(const Session& session) {
  std::vector<std::unique_ptr<Page>> pages;
  auto heads = std::make_unique<HeadsPage>(session);
  auto compare = std::make_unique<ComparePage>(session, heads->solver());
  pages.push_back(std::move(heads));
  pages.push_back(std::move(compare));
  pages.push_back(std::make_unique<GeneratePage>(session));
  pages.push_back(std::make_unique<SearchPage>(session));
  pages.push_back(std::make_unique<ComfyPage>(session));
  pages.push_back(std::make_unique<SettingsPage>(session));
  pages.push_back(std::make_unique<ShortcutsPage>(pages));
  return pages;
}

}  // namespace twill::gui
