// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Toasts that the server asks for, and the text results of Twill's nodes on the nodes themselves.

import { api } from "../../../scripts/api.js";
import { app } from "../../../scripts/app.js";
import { ComfyWidgets } from "../../../scripts/widgets.js";

const TEXT_WIDGET = "twill_text";
const TOAST_MS = 12000;

function showText(node, lines) {
  let widget = node.widgets?.find((each) => each.name === TEXT_WIDGET);
  if (!widget) {
    widget = ComfyWidgets.STRING(node, TEXT_WIDGET, ["STRING", { multiline: true }], app).widget;
    widget.options.serialize = false;
    widget.serialize = false;
    if (widget.inputEl) {
      widget.inputEl.readOnly = true;
    }
  }
  widget.value = lines.join("\n");
}

app.registerExtension({
  name: "twill.results",

  setup() {
    api.addEventListener("twill.toast", ({ detail }) => {
      app.extensionManager.toast.add({ ...detail, life: TOAST_MS });
    });
  },

  beforeRegisterNodeDef(nodeType, nodeData) {
    if (!nodeData.name.startsWith("Twill")) {
      return;
    }
    const before = nodeType.prototype.onExecuted;
    nodeType.prototype.onExecuted = function (output) {
      before?.apply(this, arguments);
      if (output?.text) {
        showText(this, [output.text].flat());
      }
    };
  },
});
