"use strict";
// Balls and sticks on a canvas, drawn from far to near: drag or arrow keys turn, + and − zoom, a slider plays.
for (const box of document.querySelectorAll(".scene")) {
  const canvas = box.querySelector("canvas"), pen = canvas.getContext("2d");
  const [button, slider, label] = ["button", "input", "output"].map((name) => box.querySelector(name));
  const scene = JSON.parse(canvas.dataset.scene), n = scene.atoms;
  const bytes = Uint8Array.from(atob(scene.places), (letter) => letter.charCodeAt(0));
  const places = Float32Array.from(new Int16Array(bytes.buffer), (x) => x * scene.unit);
  const colours = scene.colours.map((text) => [1, 3, 5].map((k) => parseInt(text.slice(k, k + 2), 16)));
  let reach = 2.5, tall = 2.5; // Å from the centre, and from the longest axis
  for (let k = 0; k < 3 * n; k += 3) {
    reach = Math.max(reach, Math.hypot(places[k], places[k + 1], places[k + 2]));
    tall = Math.max(tall, Math.hypot(places[k + 1], places[k + 2]));
  }
  let turn = [1, 0, 0, 0, 1, 0, 0, 0, 1], zoom = 1, frame = 0, timer = 0, waiting = false;

  function rotate(right, up) { // about the axes of the screen
    const [a, b, c, d] = [Math.cos(right), Math.sin(right), Math.cos(up), Math.sin(up)];
    const [x, y, z] = [turn.slice(0, 3), turn.slice(3, 6), turn.slice(6, 9)];
    const side = x.map((v, k) => a * v + b * z[k]), back = x.map((v, k) => a * z[k] - b * v);
    turn = [...side, ...y.map((v, k) => c * v - d * back[k]), ...y.map((v, k) => d * v + c * back[k])];
    later();
  }
  function later() {
    if (!waiting) requestAnimationFrame(draw);
    waiting = true;
  }
  function line(a, b, colour, width) {
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.beginPath();
    pen.moveTo(a[0], a[1]);
    pen.lineTo(b[0], b[1]);
    pen.stroke();
  }
  function ball(at, radius, colour) {
    pen.fillStyle = colour;
    pen.beginPath();
    pen.arc(at[0], at[1], radius, 0, 2 * Math.PI);
    pen.fill();
    pen.fillStyle = "rgba(255,255,255,.35)";
    pen.beginPath();
    pen.arc(at[0] - 0.3 * radius, at[1] - 0.3 * radius, 0.4 * radius, 0, 2 * Math.PI);
    pen.fill();
  }
  function draw() {
    waiting = false;
    const wide = canvas.clientWidth, high = canvas.clientHeight, dense = window.devicePixelRatio || 1;
    canvas.width = wide * dense;
    canvas.height = high * dense;
    pen.scale(dense, dense);
    pen.lineCap = "round";
    const paper = getComputedStyle(canvas.parentElement).backgroundColor.match(/[\d.]+/g).map(Number);
    const scale = zoom * 0.44 * Math.min(wide / reach, high / tall), begin = 3 * n * frame, seen = [];
    for (let k = begin; k < begin + 3 * n; k += 3) {
      const at = [0, 3, 6].map((row) => turn[row] * places[k] + turn[row + 1] * places[k + 1] + turn[row + 2] * places[k + 2]);
      const near = 1 + 0.25 * at[2] / reach;
      seen.push([wide / 2 + scale * near * at[0], high / 2 - scale * near * at[1], at[2], scale * near]);
    }
    const parts = [];
    for (const [i, j] of scene.bonds) {
      const a = seen[i], b = seen[j], middle = a.map((v, k) => (v + b[k]) / 2);
      parts.push([(a[2] + middle[2]) / 2, i, (colour) => line(a, middle, colour, 0.3 * a[3])]);
      parts.push([(b[2] + middle[2]) / 2, j, (colour) => line(b, middle, colour, 0.3 * b[3])]);
    }
    seen.forEach((at, i) => parts.push([at[2], i, (colour) => ball(at, scene.radii[i] * at[3], colour)]));
    parts.sort((a, b) => a[0] - b[0]);
    for (const [depth, i, paint] of parts) { // what is far fades into the paper
      const ink = Math.min(1, Math.max(0.4, 0.8 + 0.4 * depth / reach));
      paint(`rgb(${colours[i].map((v, k) => Math.round(ink * v + (1 - ink) * paper[k])).join(" ")})`);
    }
  }
  function show(k) {
    frame = k % scene.labels.length;
    if (slider) slider.value = frame;
    if (label) label.value = scene.labels[frame];
    later();
  }
  function stop() {
    clearInterval(timer);
    timer = 0;
    button.textContent = "Play";
  }
  canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons) rotate(0.01 * event.movementX, 0.01 * event.movementY);
  });
  canvas.addEventListener("dblclick", () => {
    turn = [1, 0, 0, 0, 1, 0, 0, 0, 1];
    zoom = 1;
    later();
  });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[event.key];
    if (step) rotate(...step);
    else if (event.key === "+" || event.key === "-") zoom *= event.key === "+" ? 1.15 : 1 / 1.15;
    else return;
    event.preventDefault();
    later();
  });
  if (button) {
    slider.addEventListener("input", () => show(Number(slider.value)));
    button.addEventListener("click", () => {
      if (timer) return stop();
      button.textContent = "Pause";
      timer = setInterval(() => show(frame + 1), 80);
    });
  }
  new ResizeObserver(later).observe(canvas);
  show(0);
}
