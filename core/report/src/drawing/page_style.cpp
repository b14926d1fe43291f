// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The look of a page, and the script that answers the mouse: no part of a page needs it to be read.
#include "page.h"
#include "theme.h"
#include "twill/plan/error.h"

namespace twill::report::drawing {
namespace {

constexpr std::string_view kStyle = R"(
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1180px;margin:0 auto;padding:28px 20px 60px}
header{margin-bottom:18px}
h1{font-size:28px;line-height:1.2;margin:2px 0 4px;font-weight:650;overflow-wrap:anywhere}
h2{font-size:19px;margin:0 0 6px;font-weight:650}
h3{font-size:14px;margin:0 0 6px;font-weight:600}
p{margin:0 0 10px;max-width:76ch}
.above{color:var(--soft);font-size:13px;letter-spacing:.04em;text-transform:uppercase;margin:0}
.below{color:var(--soft);margin:0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(132px,1fr));gap:12px;
margin-bottom:16px}
.tile,section{background:var(--card);border:1px solid var(--line);border-radius:10px}
.tile{padding:12px 14px}
.tile p{margin:0}
.tile .name{color:var(--soft);font-size:13px}
.tile .value{font-size:24px;font-weight:650;font-variant-numeric:tabular-nums;line-height:1.35}
.tile .note{color:var(--soft);font-size:12px}
section{padding:20px;margin-bottom:16px}
figure{margin:14px 0 0;min-width:0}
figure svg,figure img{display:block;max-width:100%;height:auto}
figure img{image-rendering:pixelated;border-radius:4px}
figcaption{color:var(--soft);font-size:13px;margin-top:6px;max-width:90ch}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:10px 28px;
align-items:start}
.columns>div{min-width:0}
.wide{overflow-x:auto;margin-top:12px}
table{border-collapse:collapse;font-size:13px;width:100%;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;font-size:14px;padding-bottom:6px}
th,td{padding:4px 10px 4px 0;text-align:left;border-bottom:1px solid var(--grid);vertical-align:top}
th{color:var(--soft);font-weight:500}
td:first-child{white-space:nowrap}
.number{text-align:right;white-space:nowrap}
.swatch{display:inline-block;width:11px;height:11px;border-radius:2px;margin-right:7px;
vertical-align:-1px}
dl{display:grid;grid-template-columns:minmax(120px,max-content) 1fr;gap:3px 18px;margin:10px 0 0;
font-size:13px}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
pre{background:var(--page);border:1px solid var(--line);border-radius:8px;padding:12px;font-size:12px;
white-space:pre-wrap;overflow-wrap:anywhere;margin:10px 0}
input{font:inherit;color:inherit;background:var(--page);border:1px solid var(--line);border-radius:6px;
padding:3px 8px}
.filter{font-size:13px;margin-top:10px}
.legend{cursor:pointer}
.legend:focus-visible{outline:2px solid var(--blue)}
.panel{cursor:crosshair}
#tip{position:fixed;z-index:1;pointer-events:none;background:var(--ink);color:var(--card);padding:8px 10px;
border-radius:6px;font-size:12px;line-height:1.45;white-space:pre-line;max-width:340px}
@media print{body{background:#fff}section,.tile{break-inside:avoid}}
)";

constexpr std::string_view kScript = R"(
(() => {
  const source = document.getElementById("heads-data");
  const tip = document.getElementById("tip");
  const panels = [...document.querySelectorAll(".panel")];
  const shape = { ns: "http://www.w3.org/2000/svg", marks: [] };
  const at = (panel, name) => Number(panel.dataset[name]);

  function show(event, text) {
    tip.textContent = text;
    tip.hidden = false;
    const right = event.clientX + 16 + tip.offsetWidth > innerWidth;
    tip.style.left = (right ? event.clientX - 12 - tip.offsetWidth : event.clientX + 16) + "px";
    tip.style.top = Math.min(event.clientY + 16, innerHeight - tip.offsetHeight - 4) + "px";
  }
  function hide() {
    tip.hidden = true;
    shape.marks.forEach((mark) => mark.remove());
    shape.marks = [];
  }
  function mark(panel, row, column) {
    for (const other of panel.ownerSVGElement.querySelectorAll(".panel")) {
      const rect = document.createElementNS(shape.ns, "rect");
      rect.setAttribute("x", at(other, "x") + column * at(other, "w") - 1);
      rect.setAttribute("y", at(other, "y") + row * at(other, "h") - 1);
      rect.setAttribute("width", at(other, "w") + 1);
      rect.setAttribute("height", at(other, "h") + 1);
      rect.setAttribute("class", "mark");
      rect.setAttribute("pointer-events", "none");
      other.ownerSVGElement.append(rect);
      shape.marks.push(rect);
    }
  }
  if (source) {
    const data = JSON.parse(source.textContent);
    for (const panel of panels) {
      panel.addEventListener("mousemove", (event) => {
        const matrix = panel.ownerSVGElement.getScreenCTM().inverse();
        const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
        const column = Math.floor((point.x - at(panel, "x")) / at(panel, "w"));
        const row = Math.floor((point.y - at(panel, "y")) / at(panel, "h"));
        hide();
        let head = 0, layer = row, stack = null;
        for (const one of data.stacks) {
          if (layer < one.layers) { stack = one; break; }
          layer -= one.layers;
          head += one.layers * one.heads;
        }
        if (!stack || row < 0 || column < 0 || column >= stack.heads) return;
        const segment = data.segments[panel.dataset.segment];
        const index = panel.dataset.expert * data.heads + head + layer * stack.heads + column;
        const [pattern, density, error, share, cost] = segment.heads[index];
        mark(panel, row, column);
        show(event, stack.name + "." + layer + " head " + column + ", " + segment.t + "\n" +
          (pattern < 0 ? "dense" : data.patterns[pattern]) + "\ndensity " + density +
          "\nhead error " + error + "\nerror " + share + " % of the plan's\ncost " + cost + " " +
          data.unit);
      });
      panel.addEventListener("mouseleave", hide);
    }
  }

  const legends = [...document.querySelectorAll(".legend")];
  let only = null;
  function choose(kind) {
    only = only === kind ? null : kind;
    for (const path of document.querySelectorAll(".patterns path")) {
      path.style.opacity = !only || path.classList.contains("k-" + only) ? "" : "0.12";
    }
    for (const legend of legends) {
      legend.style.opacity = !only || legend.dataset.kind === only ? "" : "0.4";
      legend.setAttribute("aria-pressed", String(legend.dataset.kind === only));
    }
    for (const row of document.querySelectorAll("tr[data-kind]")) {
      row.hidden = Boolean(only) && row.dataset.kind !== only;
    }
  }
  for (const legend of legends) {
    legend.setAttribute("tabindex", "0");
    legend.setAttribute("role", "button");
    legend.addEventListener("click", () => choose(legend.dataset.kind));
    legend.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        choose(legend.dataset.kind);
      }
    });
  }

  for (const field of document.querySelectorAll("input.filter")) {
    const table = field.closest("section").querySelector("table");
    field.addEventListener("input", () => {
      const wanted = field.value.toLowerCase();
      for (const row of table.tBodies[0].rows) {
        row.hidden = !row.textContent.toLowerCase().includes(wanted);
      }
    });
  }
})();
)";

}  // namespace

std::string page_style() {
  std::string style(kStyle);
  for (const auto& [kind, colour] : kPatternColours) {
    style += concat(".b-", pattern_name(kind), "{background:", hex_colour(colour), "}\n");
  }
  return style;
}

std::string_view page_script() { return kScript; }

}  // namespace twill::report::drawing
