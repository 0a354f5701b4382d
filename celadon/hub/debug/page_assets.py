"""The page itself: its HTML, style and script. Everything that is shown is set as text, never as markup."""

from __future__ import annotations

HTML = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>celadon</title>
<link rel="stylesheet" href="style.css"><script src="script.js" defer></script></head>
<body><h1>celadon <small id="state">connecting</small></h1>
<div id="plots"></div>
<form id="ask" hidden><label>explain <input id="name" autocomplete="off"></label> <pre id="told"></pre></form>
<div id="sections"></div>
<p><a href="data.json">JSON</a> <a href="metrics">Prometheus</a></p></body></html>
"""

STYLE = """\
body { font: 14px/1.4 system-ui, sans-serif; margin: 1em 2em; color: #222; background: #fff }
h1 small { font-size: 50%; color: #587 } h2 { margin: 1em 0 .2em; font-size: 110% }
table { border-collapse: collapse } td, th { padding: .1em .8em .1em 0; text-align: left; vertical-align: top }
th { color: #567; font-weight: normal } pre, td { white-space: pre-wrap; overflow-wrap: anywhere }
td { font-family: ui-monospace, monospace; font-size: 12px; max-width: 44em }
figure { display: inline-block; margin: 0 1.5em 0 0 } figcaption { color: #567 }
svg { width: 240px; height: 48px; border-bottom: 1px solid #ccd }
polyline { fill: none; stroke: #2a7; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181c1b } }
"""

SCRIPT = """\
"use strict";
const SVG = "http://www.w3.org/2000/svg", KEPT = 120, history = new Map();
const make = (name, text) => { const one = document.createElement(name);
  if (text !== undefined) one.textContent = text; return one; };
const show = (value) => value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);

function table(value) {
  const made = make("table");
  if (Array.isArray(value)) {
    const rows = value.filter((one) => one !== null && typeof one === "object" && !Array.isArray(one));
    if (rows.length !== value.length) {
      for (const one of value) { const row = make("tr"); row.append(make("td", show(one))); made.append(row); }
      return made;
    }
    const keys = [...new Set(rows.flatMap(Object.keys))], head = make("tr");
    for (const key of keys) head.append(make("th", key));
    if (rows.length) made.append(head);
    for (const one of rows) {
      const row = make("tr");
      for (const key of keys) row.append(make("td", key in one ? show(one[key]) : ""));
      made.append(row);
    }
    if (!rows.length) made.append(make("tr", "none"));
    return made;
  }
  const all = value !== null && typeof value === "object" ? value : {"": value};
  for (const [key, one] of Object.entries(all)) {
    const row = make("tr"), cell = make("td");
    if (one !== null && typeof one === "object") cell.append(table(one)); else cell.textContent = show(one);
    row.append(make("th", key), cell); made.append(row);
  }
  return made;
}

function plot(name, values) {
  const figure = make("figure"), svg = document.createElementNS(SVG, "svg");
  const line = document.createElementNS(SVG, "polyline"), most = Math.max(1e-9, ...values);
  svg.setAttribute("viewBox", "0 0 240 48"); svg.setAttribute("preserveAspectRatio", "none");
  line.setAttribute("points", values.map((one, n) =>
    (n * 240 / (KEPT - 1)).toFixed(1) + "," + (46 - 44 * one / most).toFixed(1)).join(" "));
  svg.append(line);
  const last = values[values.length - 1];
  figure.append(svg, make("figcaption", name + ": " + (Number.isInteger(last) ? last : last.toFixed(2))));
  return figure;
}

function update(data) {
  document.getElementById("state").textContent = "live";
  for (const [name, value] of Object.entries(data.plots)) {
    const values = history.get(name) || [];
    values.push(value); if (values.length > KEPT) values.shift(); history.set(name, values);
  }
  document.getElementById("plots").replaceChildren(...[...history].map(([name, values]) => plot(name, values)));
  document.getElementById("sections").replaceChildren(...Object.entries(data.sections).map(([name, value]) => {
    const section = make("section"); section.id = name; section.append(make("h2", name), table(value)); return section;
  }));
  document.getElementById("ask").hidden = !data.explains;
}

const events = new EventSource("events");
events.onmessage = (event) => update(JSON.parse(event.data));
events.onerror = () => { document.getElementById("state").textContent = "no connection"; };
document.getElementById("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = document.getElementById("name").value;
  const answer = await fetch("explain?name=" + encodeURIComponent(name));
  document.getElementById("told").textContent = await answer.text();
});
"""
