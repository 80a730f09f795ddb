"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  // words: those in the picture, then those that are only neighbours of them; a picture's n places come first.
  const { words, neighbours, similarities, groups, arrows, clusters, column, live } = data;
  const x = Float64Array.from(data.x), y = Float64Array.from(data.y);
  const n = x.length;
  const canvas = document.getElementById("map");
  const context = canvas.getContext("2d");
  const search = document.getElementById("search");
  const matches = document.getElementById("matches");
  const details = document.getElementById("details");
  const notes = document.getElementById("notes");
  const save = document.getElementById("save");
  const legend = document.getElementById("legend");
  const lowered = words.slice(0, n).map((word) => word.normalize("NFC").toLowerCase());
  const ON_LIGHT = ["#2a6fbb", "#d1495b", "#3a8a5f", "#8a5fbf", "#c17d11", "#1f8a96", "#a64d79", "#6b7a2a"];
  const ON_DARK = ["#6ea8e6", "#ff7b8c", "#6cc795", "#b794ee", "#f0b54a", "#5fc7d3", "#e08fbb", "#b3c463"];
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const FONT = '"system-ui", "Noto Sans", "Apple SD Gothic Neo", "Malgun Gothic", NanumGothic, "Noto Sans CJK KR", sans-serif';
  const view = { x: 0, y: 0, scale: 1 };
  const widths = new Float32Array(n);
  let colours = {};
  const selected = new Set();
  let marquee = null;
  let chosen = -1;
  let pending = false;
  let width = 0;
  let height = 0;
  let fitted = 1;

  function groupColour(i) {
    const set = dark.matches ? ON_DARK : ON_LIGHT;
    return set[groups[i] % set.length];
  }

  // Points wear the colour of their value: a category its own, a number a place between two colours.
  let pointColours = [];
  function colourPoints() {
    const set = dark.matches ? ON_DARK : ON_LIGHT;
    const from = dark.matches ? [70, 84, 110] : [190, 205, 226], to = dark.matches ? [255, 196, 84] : [170, 40, 60];
    const palette = [], of = new Uint16Array(n);
    if (column && column.labels) {
      palette.push(...column.labels.map((_, i) => set[i % set.length]));
      of.set(column.values);
    } else if (column) {
      for (let k = 0; k < 256; k++) palette.push("rgb(" + from.map((v, i) => Math.round(v + (to[i] - v) * k / 255)) + ")");
      of.set(column.values);
    } else {
      palette.push(colours.point, ...set);
      for (let i = 0; groups && i < n; i++) of[i] = groups[i] < 0 ? 0 : 1 + groups[i] % set.length;
    }
    pointColours = { palette, of };
  }

  function readColours() {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["paper", "ink", "faint", "line", "point", "chosen", "near"]) {
      colours[name] = style.getPropertyValue("--" + name).trim();
    }
  }

  function resize() {
    const first = width === 0;
    const ratio = window.devicePixelRatio || 1;
    width = window.innerWidth;
    height = window.innerHeight;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    across = Math.ceil(width / CELL);
    occupied = new Uint8Array(across * Math.ceil(height / CELL));
    if (first) home();
    redraw();
  }

  // Where points are in full view: beside the panel, or above it on a narrow screen.
  function freeRoom() {
    const wide = width > 760;
    return { left: wide ? 350 : 30, right: width - (wide ? 90 : 70), top: 40, bottom: wide ? height - 60 : height * 0.5 };
  }

  function extent(places) {
    let low = 65535, high = 0;
    for (const place of places) {
      if (place < low) low = place;
      if (place > high) high = place;
    }
    return { size: Math.max(high - low, 655) / 65535, middle: (low + high) / 2 / 65535 };
  }

  // Everything in view, in the room that the panel leaves; coordinates run from 0 to 1, y upwards.
  function home() {
    const room = freeRoom(), across = extent(x), up = extent(y);
    view.scale = Math.max(50, Math.min(
      (room.right - room.left) / across.size, (room.bottom - room.top) / up.size));
    fitted = view.scale;
    view.x = (room.left + room.right) / 2 - across.middle * view.scale;
    view.y = (room.top + room.bottom) / 2 + up.middle * view.scale;
    redraw();
  }

  const screenX = (i) => view.x + x[i] / 65535 * view.scale;
  const screenY = (i) => view.y - y[i] / 65535 * view.scale;

  function redraw() {
    if (pending) return;
    pending = true;
    requestAnimationFrame(() => { pending = false; draw(); });
  }

  function draw() {
    context.fillStyle = colours.paper;
    context.fillRect(0, 0, width, height);
    const near = chosen < 0 ? [] : neighbours[chosen];
    const nearSet = new Set(near);
    const radius = Math.min(6, (n > 2000 ? 1.8 : 3) * Math.sqrt(view.scale / fitted));
    const labelled = [];
    const visible = [];
    occupied.fill(0);
    if (n > MANY) scatterPixels(visible, radius);
    else scatterDots(visible, radius, nearSet);
    context.globalAlpha = 1;
    for (const i of selected) if (inside(i)) ring(i, radius + 2);
    drawClusters();
    drawArrows(radius);
    context.strokeStyle = colours.near;
    context.lineWidth = 1;
    for (const i of near) {
      if (i >= n) continue;
      context.beginPath();
      context.moveTo(screenX(chosen), screenY(chosen));
      context.lineTo(screenX(i), screenY(i));
      context.stroke();
      dot(i, radius + 1.5, colours.near);
    }
    if (chosen >= 0) {
      dot(chosen, radius + 3, colours.chosen);
      label(chosen, labelled, colours.chosen, true, radius + 3);
      for (const i of near) if (i < n) label(i, labelled, colours.ink, true, radius);
    }
    const most = Math.floor(width * height / 2600);
    const colour = chosen < 0 ? colours.ink : colours.faint;
    // Frequent words come first; where all places are taken, a few thousand vain tries are enough.
    for (let k = 0; k < Math.min(visible.length, 6 * most) && labelled.length < most; k++) {
      if (visible[k] !== chosen && !nearSet.has(visible[k])) label(visible[k], labelled, colour, false, radius);
    }
  }

  const MANY = 8000;
  const inside = (i) => {
    const px = screenX(i), py = screenY(i);
    return px > -60 && py > -20 && px < width + 60 && py < height + 20;
  };

  function scatterDots(visible, radius, nearSet) {
    for (let i = 0; i < n; i++) {
      if (!inside(i)) continue;
      visible.push(i);
      context.globalAlpha = chosen >= 0 && i !== chosen && !nearSet.has(i) ? 0.3 : 0.85;
      context.fillStyle = pointColours.palette[pointColours.of[i]];
      context.beginPath();
      context.arc(screenX(i), screenY(i), radius, 0, 7);
      context.fill();
    }
  }

  // A hundred thousand arcs would take a second a frame: squares are written into the picture's pixels instead, each
  // mixed with what is there, so that dense places look dense.
  let image = null, pixels = null;
  function scatterPixels(visible, radius) {
    const ratio = canvas.width / width;
    if (!image || image.width !== canvas.width || image.height !== canvas.height) {
      image = context.createImageData(canvas.width, canvas.height);
      pixels = new Uint32Array(image.data.buffer);
    }
    const packed = pointColours.palette.map(packColour);
    const paper = packColour(colours.paper);
    pixels.fill(paper);
    const side = Math.max(1, Math.round(1.6 * radius * ratio)), half = side >> 1;
    const w = image.width, h = image.height;
    const weight = chosen >= 0 ? 70 : view.scale < 2 * fitted ? 130 : 200;
    for (let i = 0; i < n; i++) {
      const px = screenX(i), py = screenY(i);
      if (px < -60 || py < -20 || px > width + 60 || py > height + 20) continue;
      visible.push(i);
      const left = (px * ratio | 0) - half, top = (py * ratio | 0) - half;
      if (left < 0 || top < 0 || left + side > w || top + side > h) continue;
      const colour = packed[pointColours.of[i]];
      for (let row = top; row < top + side; row++) {
        for (let at = row * w + left, end = at + side; at < end; at++) pixels[at] = mix(pixels[at], colour, weight);
      }
    }
    context.putImageData(image, 0, 0);
  }

  function mix(under, over, weight) {
    const rest = 256 - weight;
    const even = ((under & 0xff00ff) * rest + (over & 0xff00ff) * weight) >>> 8;
    const odd = ((under >>> 8) & 0xff) * rest + ((over >>> 8) & 0xff) * weight;
    return (0xff000000 | (even & 0xff00ff) | (odd & 0xff00)) >>> 0;
  }

  const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  function packColour(colour) {
    probe.fillStyle = colour;
    probe.fillRect(0, 0, 1, 1);
    return new Uint32Array(probe.getImageData(0, 0, 1, 1).data.buffer)[0];
  }

  function ring(i, radius) {
    context.strokeStyle = colours.chosen;
    context.lineWidth = 1.5;
    context.beginPath();
    context.arc(screenX(i), screenY(i), radius, 0, 7);
    context.stroke();
  }

  // From far away, groups are named by the words in their middle.
  function drawClusters() {
    if (!clusters || chosen >= 0 || view.scale > 1.8 * fitted) return;
    context.font = "700 15px " + FONT;
    context.textBaseline = "middle";
    for (const [cx, cy, name] of clusters) {
      const px = view.x + cx / 65535 * view.scale, py = view.y - cy / 65535 * view.scale;
      const wide = context.measureText(name).width;
      const left = clamp(px - wide / 2, 4, width - wide - 4), middle = clamp(py, 12, height - 12);
      if (!claim(left - 4, middle - 10, left + wide + 4, middle + 10)) continue;
      outlined(name, left, middle, colours.ink);
    }
  }

  const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

  function outlined(text, left, middle, colour) {
    context.lineWidth = 3;
    context.lineJoin = "round";
    context.strokeStyle = colours.paper;
    context.strokeText(text, left, middle);
    context.fillStyle = colour;
    context.fillText(text, left, middle);
  }

  // Room for labels: the window in cells of a few pixels, each free or taken.
  const CELL = 6;
  let across = 0, occupied = new Uint8Array(0);
  function claim(left, top, right, bottom) {
    const x0 = Math.max(0, left / CELL | 0), x1 = Math.min(across - 1, right / CELL | 0);
    const y0 = Math.max(0, top / CELL | 0), y1 = Math.min(occupied.length / across - 1, bottom / CELL | 0);
    for (let row = y0; row <= y1; row++) {
      for (let column = x0; column <= x1; column++) if (occupied[row * across + column]) return false;
    }
    for (let row = y0; row <= y1; row++) occupied.fill(1, row * across + x0, row * across + x1 + 1);
    return true;
  }

  function drawArrows(radius) {
    for (const [from, to] of arrows || []) {
      const ax = screenX(from), ay = screenY(from), bx = screenX(to), by = screenY(to);
      const length = Math.hypot(bx - ax, by - ay);
      if (length < 3 * radius) continue;
      const ux = (bx - ax) / length, uy = (by - ay) / length;
      const tipX = bx - ux * (radius + 2), tipY = by - uy * (radius + 2);
      context.strokeStyle = context.fillStyle = groupColour(from);
      context.lineWidth = 1.5;
      context.beginPath();
      context.moveTo(ax + ux * (radius + 2), ay + uy * (radius + 2));
      context.lineTo(tipX - ux * 8, tipY - uy * 8);
      context.stroke();
      context.beginPath();
      context.moveTo(tipX, tipY);
      context.lineTo(tipX - ux * 9 - uy * 4, tipY - uy * 9 + ux * 4);
      context.lineTo(tipX - ux * 9 + uy * 4, tipY - uy * 9 - ux * 4);
      context.fill();
    }
  }

  function dot(i, radius, colour) {
    context.fillStyle = colour;
    context.beginPath();
    context.arc(screenX(i), screenY(i), radius, 0, 7);
    context.fill();
  }

  // Frequent words come first, so a label that would cover an earlier one is left out until there is room.
  function label(i, placed, colour, important, radius) {
    context.font = (important ? "600 14px " : "13px ") + FONT;
    let wide = important ? 0 : widths[i];
    if (wide === 0) wide = context.measureText(words[i]).width;
    if (!important) widths[i] = wide;
    const px = screenX(i), py = screenY(i), gap = radius + 4;
    const places = [[px + gap, py], [px - gap - wide, py], [px - wide / 2, py - gap - 9], [px - wide / 2, py + gap + 9],
      [px + gap, py - 14], [px + gap, py + 14], [px - gap - wide, py - 14], [px - gap - wide, py + 14]];
    for (const [left, middle] of important || n <= 300 ? places : places.slice(0, 2)) {
      if (left < 2 || left + wide > width - 2 || middle < 9 || middle > height - 9) continue; // never cut at an edge
      if (!claim(left - 2, middle - 9, left + wide + 2, middle + 9)) continue;
      placed.push(i);
      context.textBaseline = "middle";
      outlined(words[i], left, middle, colour);
      return;
    }
  }

  function zoom(factor, atX = width / 2, atY = height / 2) {
    const wanted = Math.min(Math.max(view.scale * factor, fitted / 4), fitted * 400);
    const change = wanted / view.scale;
    view.x = atX + (view.x - atX) * change;
    view.y = atY + (view.y - atY) * change;
    view.scale = wanted;
    redraw();
  }

  function pan(dx, dy) {
    view.x += dx;
    view.y += dy;
    redraw();
  }

  function nearest(px, py) {
    let best = -1;
    let least = 16 * 16;
    for (let i = 0; i < n; i++) {
      const dx = screenX(i) - px, dy = screenY(i) - py;
      const distance = dx * dx + dy * dy;
      if (distance < least) { least = distance; best = i; }
    }
    return best;
  }

  function entry(i, similarity) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    const word = document.createElement("span");
    word.textContent = words[i];
    button.append(word);
    if (similarity !== undefined) {
      const value = document.createElement("span");
      value.textContent = similarity.toFixed(3);
      button.append(value);
    }
    if (i < n) {
      button.addEventListener("click", () => choose(i, true));
    } else {
      button.className = "outside";
      button.title = "not in this picture";
      if (live) button.addEventListener("click", () => ask(words[i]));
      else button.disabled = true;
    }
    item.append(button);
    return item;
  }

  function row(text, value, outside) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    const word = document.createElement("span"), figure = document.createElement("span");
    word.textContent = text;
    figure.textContent = value.toFixed(3);
    button.type = "button";
    if (outside) button.className = "outside";
    button.append(word, figure);
    const i = place.get(text);
    if (i !== undefined) button.addEventListener("click", () => choose(i, true));
    else if (live) button.addEventListener("click", () => ask(text));
    else button.disabled = true;
    item.append(button);
    return item;
  }

  function answer(title, rows) {
    chosen = -1;
    details.replaceChildren();
    matches.replaceChildren();
    const heading = document.createElement("h2");
    heading.textContent = title;
    const list = document.createElement("ol");
    for (const [word, value] of rows) list.append(row(word, value, !place.has(word)));
    details.append(heading, list);
    redraw();
  }

  // Unit vectors of the words in the picture, a signed byte a number; null where the page carries none.
  const place = new Map(words.slice(0, n).map((word, i) => [word, i]));
  const table = data.vectors ? Int8Array.from(atob(data.vectors), (c) => c.charCodeAt(0)) : null;
  const size = table ? table.length / n : 0;

  // "king - man + woman" as signed words; null where it is no sum.
  function parse(text) {
    const parts = text.normalize("NFC").trim().split(/\s+([+\u2212-])\s+/);
    if (parts.length < 3) return null;
    return parts.filter((_, k) => k % 2 === 0).map((word, k) => [word.trim(), k && parts[2 * k - 1] !== "+" ? -1 : 1]);
  }

  function say(text) {
    notes.textContent = text;
  }

  function combine(signed) {
    const sum = new Float64Array(size);
    for (const [word, sign] of signed) {
      const i = place.get(word);
      if (i === undefined) { say(word + " is not in this picture"); return null; }
      for (let k = 0; k < size; k++) sum[k] += sign * table[i * size + k];
    }
    return sum;
  }

  function cosines(vector) {
    const norm = Math.hypot(...vector) || 1, found = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      let dot = 0, own = 0;
      for (let k = 0; k < size; k++) {
        const v = table[i * size + k];
        dot += v * vector[k];
        own += v * v;
      }
      found[i] = dot / (norm * Math.sqrt(own || 1));
    }
    return found;
  }

  async function fetched(path, parameters) {
    const response = await fetch(path + "?" + new URLSearchParams({ token: live, ...parameters }));
    const answered = await response.json();
    if (!response.ok) { say(answered.error); return null; }
    return answered;
  }

  async function ask(text) {
    const answered = await fetched("/similar", { words: text });
    if (answered) answered.models.forEach((one, k) => (k ? more : answer)(one.title, one.neighbours));
  }

  // The answers of a second and third model, below the first's.
  function more(title, rows) {
    const heading = document.createElement("h2");
    heading.textContent = title;
    const list = document.createElement("ol");
    for (const [word, value] of rows) list.append(row(word, value, !place.has(word)));
    details.append(heading, list);
  }

  function arithmetic(text) {
    const signed = parse(text);
    if (!signed) return false;
    say("");
    if (live) { ask(text); return true; }
    if (!table) { say("this page carries no vectors: embedkit explore MODEL computes with all words"); return true; }
    const sum = combine(signed);
    if (!sum) return true;
    const found = cosines(sum), given = new Set(signed.map(([word]) => place.get(word)));
    const order = [...found.keys()].filter((i) => !given.has(i)).sort((a, b) => found[b] - found[a]);
    answer(text, order.slice(0, 10).map((i) => [words[i], found[i]]));
    chosen = order[0];
    redraw();
    return true;
  }

  // A named axis: words are placed by their cosine with b − a.
  const original = { x: x.slice(), y: y.slice() };
  async function project(which, text) {
    const axis = which === "x" ? x : y;
    const pair = text.trim().split(/\s+/);
    if (!text.trim()) {
      axis.set(original[which]);
    } else if (pair.length !== 2) {
      return say("an axis is named by two words: man woman");
    } else {
      let values = null;
      if (live) {
        const answered = await fetched("/axis", { from: pair[0], to: pair[1] });
        if (answered) values = answered.values;
      } else if (table) {
        const difference = combine([[pair[1], 1], [pair[0], -1]]);
        if (difference) values = cosines(difference);
      } else {
        say("this page carries no vectors: embedkit explore MODEL computes with all words");
      }
      if (!values) return;
      const low = Math.min(...sampled(values)), high = Math.max(...sampled(values));
      for (let i = 0; i < n; i++) axis[i] = (values[i] - low) / (high - low || 1) * 65535;
      say((which === "x" ? "left to right: " : "bottom to top: ") + pair[0] + " to " + pair[1]);
    }
    clusterNames(false);
    home();
  }

  function* sampled(values) {
    const step = Math.ceil(values.length / 50000);
    for (let i = 0; i < values.length; i += step) yield values[i];
  }

  function clusterNames(on) {
    if (!on && clusters) clusters.length = 0;
  }

  for (const which of ["x", "y"]) {
    const field = document.getElementById("axis-" + which);
    field.addEventListener("change", () => project(which, field.value));
  }

  function selection(indices) {
    for (const i of indices) selected.add(i);
    save.textContent = "Save " + (selected.size || n).toLocaleString("en") + " words as TSV";
    redraw();
  }

  function clearSelection() {
    selected.clear();
    selection([]);
  }

  save.addEventListener("click", () => {
    const rows = selected.size ? [...selected].sort((a, b) => a - b) : [...Array(n).keys()];
    const lines = rows.map((i) => [words[i], (x[i] / 65535).toFixed(5), (y[i] / 65535).toFixed(5)].join("\t"));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(["word\tx\ty\n" + lines.join("\n") + "\n"], { type: "text/tab-separated-values" }));
    link.download = "words.tsv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    document.getElementById("map").dataset.saved = lines.length;
  });
  document.getElementById("select").addEventListener("click", () => {
    const inView = [];
    for (let i = 0; i < n; i++) {
      const px = screenX(i), py = screenY(i);
      if (px >= 0 && py >= 0 && px <= width && py <= height) inView.push(i);
    }
    selection(inView);
  });
  document.getElementById("clear").addEventListener("click", clearSelection);

  function showLegend() {
    if (!column) return;
    legend.hidden = false;
    legend.replaceChildren(document.createTextNode(column.name + ": "));
    const marks = column.labels || [column.low, column.high];
    marks.slice(0, 12).forEach((mark, k) => {
      const item = document.createElement("span"), swatch = document.createElement("i");
      swatch.style.background = pointColours.palette[column.labels ? k : k ? 255 : 0];
      item.append(swatch, document.createTextNode(mark));
      legend.append(item);
    });
    if (marks.length > 12) legend.append(document.createTextNode("and " + (marks.length - 12) + " more"));
  }

  function choose(i, centre) {
    chosen = i;
    say("");
    details.replaceChildren();
    matches.replaceChildren();
    if (i >= 0) {
      const heading = document.createElement("h2");
      heading.textContent = words[i];
      const list = document.createElement("ol");
      neighbours[i].forEach((j, k) => list.append(entry(j, similarities[i][k] / 1000)));
      details.append(heading, list);
      if (centre) bringIntoView(i);
      history.replaceState(null, "", "#" + encodeURIComponent(words[i]));
    } else {
      history.replaceState(null, "", "#");
    }
    redraw();
  }

  function bringIntoView(i) {
    const { left, right, top, bottom } = freeRoom();
    const px = screenX(i), py = screenY(i);
    if (px < left || px > right || py < top || py > bottom) pan((left + right) / 2 - px, (top + bottom) / 2 - py);
  }

  function find(text) {
    const wanted = text.normalize("NFC").trim().toLowerCase();
    matches.replaceChildren();
    if (!wanted || parse(text)) return;
    const starts = [], holds = [];
    for (let i = 0; i < n && starts.length < 10; i++) {
      if (lowered[i] === wanted) starts.unshift(i);
      else if (lowered[i].startsWith(wanted)) starts.push(i);
      else if (holds.length < 10 && lowered[i].includes(wanted)) holds.push(i);
    }
    const found = starts.concat(holds).slice(0, 10);
    for (const i of found) matches.append(entry(i));
    if (!found.length) {
      const none = document.createElement("li");
      none.textContent = live ? "not in the picture; Enter asks the whole model" : "not among these words";
      matches.append(none);
    }
    return found[0];
  }

  search.addEventListener("input", () => find(search.value));
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing) {
      if (arithmetic(search.value)) return;
      const i = find(search.value);
      if (i !== undefined) choose(i, true);
      else if (live && search.value.trim()) ask(search.value.trim());
    }
  });

  const pointers = new Map();
  let moved = 0;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (pointers.size === 1) moved = 0;
    marquee = event.shiftKey && pointers.size === 1 ? [event.clientX, event.clientY, event.clientX, event.clientY] : null;
  });
  canvas.addEventListener("pointermove", (event) => {
    const last = pointers.get(event.pointerId);
    if (!last) {
      const i = nearest(event.clientX, event.clientY);
      canvas.style.cursor = i < 0 ? "" : "pointer";
      canvas.title = i < 0 ? "" : words[i];
      return;
    }
    const dx = event.clientX - last.x, dy = event.clientY - last.y;
    moved += Math.abs(dx) + Math.abs(dy);
    if (pointers.size === 2) {
      const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
      const before = Math.hypot(last.x - other.x, last.y - other.y);
      const after = Math.hypot(event.clientX - other.x, event.clientY - other.y);
      if (before > 0) zoom(after / before, (event.clientX + other.x) / 2, (event.clientY + other.y) / 2);
      pan(dx / 2, dy / 2);
    } else if (marquee) {
      marquee[2] = event.clientX;
      marquee[3] = event.clientY;
      draw();
      context.strokeStyle = colours.chosen;
      context.strokeRect(marquee[0], marquee[1], marquee[2] - marquee[0], marquee[3] - marquee[1]);
    } else {
      pan(dx, dy);
    }
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });
  canvas.addEventListener("pointerup", (event) => {
    if (marquee && moved >= 5) {
      const [left, right] = [marquee[0], marquee[2]].sort((a, b) => a - b);
      const [top, bottom] = [marquee[1], marquee[3]].sort((a, b) => a - b);
      const within = [];
      for (let i = 0; i < n; i++) {
        const px = screenX(i), py = screenY(i);
        if (px >= left && px <= right && py >= top && py <= bottom) within.push(i);
      }
      selection(within);
    } else if (pointers.size === 1 && moved < 5) choose(nearest(event.clientX, event.clientY), false);
    marquee = null;
    pointers.delete(event.pointerId);
  });
  canvas.addEventListener("pointercancel", (event) => pointers.delete(event.pointerId));
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 30 : 1;
    zoom(Math.exp(-event.deltaY * lines * 0.0015), event.clientX, event.clientY);
  }, { passive: false });

  const keys = {
    ArrowLeft: () => pan(60, 0), ArrowRight: () => pan(-60, 0), ArrowUp: () => pan(0, 60), ArrowDown: () => pan(0, -60),
    "+": () => zoom(1.3), "=": () => zoom(1.3), "-": () => zoom(1 / 1.3), "0": home,
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      clearSelection();
      search.value = "";
      choose(-1);
      canvas.focus();
    } else if (event.target.tagName === "INPUT" || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    } else if (event.key === "/") {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (keys[event.key]) {
      event.preventDefault();
      keys[event.key]();
    }
  });
  document.getElementById("in").addEventListener("click", () => zoom(1.5));
  document.getElementById("out").addEventListener("click", () => zoom(1 / 1.5));
  document.getElementById("home").addEventListener("click", home);
  window.addEventListener("resize", resize);
  dark.addEventListener("change", () => { readColours(); colourPoints(); showLegend(); redraw(); });

  function fromAddress() {
    let wanted = location.hash.slice(1);
    try { wanted = decodeURIComponent(wanted); } catch { /* a hand-written address: take it as it stands */ }
    const i = place.get(wanted);
    if (i !== undefined && i !== chosen) choose(i, true);
  }
  window.addEventListener("hashchange", fromAddress);
  readColours();
  colourPoints();
  showLegend();
  selection([]);
  resize();
  fromAddress();
  draw();
})();
