// The picture of the load page: every unit a circle on the axis of EJ, its area the number of people, packed so that
// none hides another. Reads the JSON block that load.html describes; redraws, gliding, when the page was refreshed.
"use strict";

const MARGIN = { left: 16, right: 16, top: 34, bottom: 48 };
const INK_SHARE = 0.3;  // of the plot is covered by circles
const NAMED = 5;  // units named on either side, where there is room
const NAME_PX = { width: 6.2, height: 13 };  // of a letter

const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const language = document.documentElement.lang;
const number = (value, digits) =>
  value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
const day = (value) => new Date(value).toLocaleDateString(language, { dateStyle: "medium", timeZone: "UTC" });

// Circles {x, r} in pixels get a `y`, as near to 0 as their placed neighbours allow; the large ones choose first.
function pack(circles) {
  const placed = [];
  for (const circle of [...circles].sort((a, b) => b.r - a.r)) {
    const near = placed.filter((other) => Math.abs(other.x - circle.x) < other.r + circle.r + 1);
    const touching = near.flatMap((other) => {
      const reach = Math.sqrt((other.r + circle.r + 1) ** 2 - (other.x - circle.x) ** 2);
      return [other.y - reach, other.y + reach];
    });
    const free = (y) => near.every((other) => Math.hypot(other.x - circle.x, other.y - y) >= other.r + circle.r + 0.99);
    circle.y = [0, ...touching].filter(free).sort((a, b) => Math.abs(a) - Math.abs(b))[0];
    placed.push(circle);
  }
  return circles;
}

function layOut(units, width, height) {
  const ratios = units.map((unit) => unit.ratio);
  const low = Math.min(0.5, Math.floor(Math.min(...ratios) * 10) / 10);
  const high = Math.max(1.5, Math.ceil(Math.max(...ratios) * 10) / 10);
  const people = units.reduce((sum, unit) => sum + unit.staff, 0);
  let scale = Math.sqrt((INK_SHARE * width * height) / (Math.PI * Math.max(people, 1)));
  for (;;) {
    const circles = pack(units.map((unit) => ({
      unit, x: ((unit.ratio - low) / (high - low)) * width, r: Math.max(2, scale * Math.sqrt(unit.staff)),
    })));
    const tallest = Math.max(...circles.map((circle) => Math.abs(circle.y) + circle.r));
    if (tallest <= height / 2 || scale < 0.5) return { circles, low, high };
    scale *= 0.94;
  }
}

// Names for the units that lack or spare most people, where one covers no circle and no other name, close by or a line
// further off: unit -> {position, offset}.
function nameUnits(circles, width) {
  const names = new Map();
  const boxes = [];
  const covers = (box) => (other) =>
    Math.hypot(Math.max(Math.abs(other.x - box.x) - box.half, 0), Math.max(Math.abs(other.y - box.y) - 7, 0)) < other.r;
  const clashes = (box) => (other) =>
    Math.abs(other.x - box.x) < other.half + box.half && Math.abs(other.y - box.y) < NAME_PX.height;
  const fits = ({ unit, x, y, r }) => {
    const half = (unit.name.length * NAME_PX.width) / 2;
    const [aside, over] = [r + half + 4, r + NAME_PX.height / 2 + 3];
    const line = NAME_PX.height + 1;
    const ways = [
      ["top", 0, over, 0], ["bottom", 0, -over, 0], ["right", aside, 0, 0], ["left", -aside, 0, 0],
      ["top", 0, over, line], ["bottom", 0, -over, -line],
    ];
    for (const [position, dx, dy, off] of ways) {
      const box = { x: x + dx, half, y: y + dy + off };
      const inside = box.x - half >= -MARGIN.left && box.x + half <= width + MARGIN.right;
      if (inside && !circles.some(covers(box)) && !boxes.some(clashes(box))) {
        boxes.push(box);
        names.set(unit.unit, { position, offset: [0, -off] });
        return true;
      }
    }
    return false;
  };
  const weightiest = [...circles].sort((a, b) => Math.abs(b.unit.needed) - Math.abs(a.unit.needed));
  for (const level of ["idle", "overload"]) {
    let room = NAMED;
    for (const circle of weightiest.filter(({ unit }) => unit.level === level)) {
      if (room > 0 && fits(circle)) room -= 1;
    }
  }
  return names;
}

function tip(unit, words) {
  const box = document.createElement("div");
  const line = (tag, text) => box.appendChild(Object.assign(document.createElement(tag), { textContent: text }));
  const people = Math.abs(unit.needed);
  line("b", unit.name);
  line("div", unit.opd_name);
  line("div", `EJ ${number(unit.ratio, 2)} · ${number(unit.staff, 0)} ${words.staff} · ` +
    `${unit.needed < 0 ? words.spare : words.needed} ${number(people, 1)}`);
  line("div", `${words.as_of} ${day(unit.as_of)}${unit.fresh ? "" : ` · ${words.stale}`}`);
  box.className = "tip";
  return box;
}

function options({ units, thresholds, opd, words }, width, height) {
  const colours = { overload: token("--over"), balanced: token("--even"), idle: token("--idle") };
  const known = units.filter((unit) => unit.ratio !== null && unit.level in colours);
  const [across, down] = [width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom];
  const { circles, low, high } = layOut(known, across, down);
  const names = nameUnits(circles.filter(({ unit }) => !opd || unit.opd === opd), across);
  const roomy = width > 560;
  const threshold = (sign, word, relation, value) => ({
    xAxis: value, label: { formatter: `${sign} ${roomy ? `${word} ${relation} ` : ""}${number(value, 2)}` },
  });
  const zone = (from, to, level) => [
    { xAxis: from, itemStyle: { color: colours[level], opacity: 0.07 } }, { xAxis: to },
  ];
  return {
    // Only what changes moves; the first picture is there at once.
    animation: !matchMedia("(prefers-reduced-motion: reduce)").matches, animationDuration: 0, animationDurationUpdate: 900,
    textStyle: { fontFamily: "inherit", color: token("--ink") },
    grid: { ...MARGIN, containLabel: false },
    xAxis: {
      min: low, max: high, interval: 0.1, name: words.axis, nameLocation: "middle", nameGap: 28,
      axisLabel: { formatter: (value) => number(value, 1), hideOverlap: true, color: token("--muted") },
      splitLine: { show: false }, axisLine: { show: true, onZero: false, lineStyle: { color: token("--line") } },
    },
    yAxis: { min: -down / 2, max: down / 2, show: false },
    tooltip: { formatter: ({ data }) => tip(data.unit, words), confine: true },
    series: {
      type: "scatter", cursor: "pointer", symbolSize: (_, { data }) => 2 * data.r,
      data: circles.map(({ unit, x, y, r }) => {
        const faded = opd && unit.opd !== opd;
        const colour = colours[unit.level];
        return {
          name: unit.unit, value: [low + (x / across) * (high - low), y], r, unit,
          itemStyle: {
            color: unit.fresh ? colour : "transparent", opacity: faded ? 0.12 : 0.85,
            borderColor: colour, borderWidth: 1.5, borderType: unit.fresh ? "solid" : "dashed",
          },
          label: {
            show: names.has(unit.unit), ...names.get(unit.unit), formatter: unit.name, distance: 3, fontSize: 11,
            color: token("--ink"),
          },
        };
      }),
      markArea: {
        silent: true, data: [zone(low, thresholds.idle, "idle"), zone(thresholds.overload, high, "overload")],
      },
      markLine: {
        silent: true, symbol: "none", animation: false, lineStyle: { color: token("--muted"), type: "solid", width: 1 },
        label: { position: "end", color: token("--ink"), fontWeight: 600 },
        data: [
          threshold("▼", words.idle, "≤", thresholds.idle),
          threshold("▲", words.overload, "≥", thresholds.overload),
          { xAxis: 1, lineStyle: { type: "dotted" }, label: { show: roomy, formatter: number(1, 2) } },
        ],
      },
    },
  };
}

const picture = document.getElementById("picture");
const chart = echarts.init(picture, null, { renderer: "svg" });

function draw() {
  const source = JSON.parse(document.getElementById(picture.dataset.source).textContent);
  chart.resize();
  chart.setOption(options(source, picture.clientWidth, picture.clientHeight));
}

chart.on("click", ({ data }) => location.assign(data.unit.url));
document.addEventListener("refreshed", draw);
new ResizeObserver(draw).observe(picture);
