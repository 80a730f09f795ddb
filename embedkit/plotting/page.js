"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { words, x, y, neighbours, similarities, groups, arrows } = data;
  const n = words.length;
  const canvas = document.getElementById("map");
  const context = canvas.getContext("2d");
  const search = document.getElementById("search");
  const matches = document.getElementById("matches");
  const details = document.getElementById("details");
  const lowered = words.map((word) => word.normalize("NFC").toLowerCase());
  const ON_LIGHT = ["#2a6fbb", "#d1495b", "#3a8a5f", "#8a5fbf", "#c17d11", "#1f8a96", "#a64d79", "#6b7a2a"];
  const ON_DARK = ["#6ea8e6", "#ff7b8c", "#6cc795", "#b794ee", "#f0b54a", "#5fc7d3", "#e08fbb", "#b3c463"];
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const FONT = '"system-ui", "Noto Sans", "Apple SD Gothic Neo", "Malgun Gothic", NanumGothic, "Noto Sans CJK KR", sans-serif';
  const view = { x: 0, y: 0, scale: 1 };
  const widths = new Float32Array(n);
  let colours = {};
  let chosen = -1;
  let pending = false;
  let width = 0;
  let height = 0;
  let fitted = 1;

  function groupColour(i) {
    const set = dark.matches ? ON_DARK : ON_LIGHT;
    return set[groups[i] % set.length];
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
    if (first) home();
    redraw();
  }

  // Where points are in full view: beside the panel, or above it on a narrow screen.
  function freeRoom() {
    const wide = width > 760;
    return { left: wide ? 350 : 30, right: width - (wide ? 90 : 70), top: 40, bottom: wide ? height - 60 : height * 0.5 };
  }

  // Everything in view, in the room that the panel leaves; coordinates run from 0 to 1, y upwards.
  function home() {
    const room = freeRoom();
    view.scale = Math.max(50, Math.min(room.right - room.left, room.bottom - room.top));
    fitted = view.scale;
    view.x = (room.left + room.right - view.scale) / 2;
    view.y = (room.top + room.bottom + view.scale) / 2;
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
    for (let i = 0; i < n; i++) {
      const px = screenX(i), py = screenY(i);
      if (px < -60 || py < -20 || px > width + 60 || py > height + 20) continue;
      visible.push(i);
      context.globalAlpha = chosen >= 0 && i !== chosen && !nearSet.has(i) ? 0.3 : 0.85;
      context.fillStyle = groups && groups[i] >= 0 ? groupColour(i) : colours.point;
      context.beginPath();
      context.arc(px, py, radius, 0, 7);
      context.fill();
    }
    context.globalAlpha = 1;
    drawArrows(radius);
    context.strokeStyle = colours.near;
    context.lineWidth = 1;
    for (const i of near) {
      context.beginPath();
      context.moveTo(screenX(chosen), screenY(chosen));
      context.lineTo(screenX(i), screenY(i));
      context.stroke();
      dot(i, radius + 1.5, colours.near);
    }
    if (chosen >= 0) {
      dot(chosen, radius + 3, colours.chosen);
      label(chosen, labelled, colours.chosen, true, radius + 3);
      for (const i of near) label(i, labelled, colours.ink, true, radius);
    }
    const most = Math.floor(width * height / 2600);
    const colour = chosen < 0 ? colours.ink : colours.faint;
    for (let k = 0; k < visible.length && labelled.length < most; k++) {
      if (visible[k] !== chosen && !nearSet.has(visible[k])) label(visible[k], labelled, colour, false, radius);
    }
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
      const box = [left - 2, middle - 9, left + wide + 2, middle + 9];
      if (placed.some((b) => box[0] < b[2] && box[2] > b[0] && box[1] < b[3] && box[3] > b[1])) continue;
      placed.push(box);
      context.textBaseline = "middle";
      context.lineWidth = 3;
      context.lineJoin = "round";
      context.strokeStyle = colours.paper;
      context.strokeText(words[i], left, middle);
      context.fillStyle = colour;
      context.fillText(words[i], left, middle);
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
    button.addEventListener("click", () => choose(i, true));
    item.append(button);
    return item;
  }

  function choose(i, centre) {
    chosen = i;
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
    if (!wanted) return;
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
      none.textContent = "not among these words";
      matches.append(none);
    }
    return found[0];
  }

  search.addEventListener("input", () => find(search.value));
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing) {
      const i = find(search.value);
      if (i !== undefined) choose(i, true);
    }
  });

  const pointers = new Map();
  let moved = 0;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (pointers.size === 1) moved = 0;
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
    } else {
      pan(dx, dy);
    }
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });
  canvas.addEventListener("pointerup", (event) => {
    if (pointers.size === 1 && moved < 5) choose(nearest(event.clientX, event.clientY), false);
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
      search.value = "";
      choose(-1);
      canvas.focus();
    } else if (event.target === search || event.ctrlKey || event.metaKey || event.altKey) {
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
  dark.addEventListener("change", () => { readColours(); redraw(); });

  function fromAddress() {
    let wanted = location.hash.slice(1);
    try { wanted = decodeURIComponent(wanted); } catch { /* a hand-written address: take it as it stands */ }
    const i = words.indexOf(wanted);
    if (i >= 0 && i !== chosen) choose(i, true);
  }
  window.addEventListener("hashchange", fromAddress);
  readColours();
  resize();
  fromAddress();
  draw();
})();
