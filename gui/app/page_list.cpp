// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "app/page_list.h"

#include "app/settings_page.h"
#include "comfy/comfy_page.h"
#include "generate/generate_page.h"
#include "heads/heads_page.h"
#include "search/search_page.h"

namespace twill::gui {

std::vector<std::unique_ptr<Page>> make_pages(const Session& session) {
  std::vector<std::unique_ptr<Page>> pages;
  pages.push_back(std::make_unique<HeadsPage>(session));
  pages.push_back(std::make_unique<GeneratePage>(session));
  pages.push_back(std::make_unique<SearchPage>(session));
  pages.push_back(std::make_unique<ComfyPage>(session));
  pages.push_back(std::make_unique<SettingsPage>(session));
  return pages;
}

}  // namespace twill::gui
