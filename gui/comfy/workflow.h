// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Workflows of ComfyUI: the form that its page saves, and the form that it takes over HTTP.
#pragma once

#include <QJsonObject>
#include <QString>

namespace twill::gui {

// `workflow` as ComfyUI's page saves it (nodes and links) or already in the form that POST /prompt
// takes, which is given back as it is. `about`: the answer of GET /object_info. Muted nodes are
// left out, bypassed ones refused. Throws Error(kFile) naming `source`, the node and what is wrong:
// a node that this ComfyUI does not know, a value too few.
QJsonObject prompt_of(const QJsonObject& workflow, const QJsonObject& about, const QString& source);

// Puts `plan` (a name that ComfyUI lists) into every node that chooses a sparse plan by name.
// Returns how many there were.
int set_plan(QJsonObject& prompt, const QString& plan);

}  // namespace twill::gui
