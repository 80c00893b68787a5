"use strict";
(() => {
  const shades = { before: "--soft", after: "--line-1", other: "--line-2", general: "--line-3" };
  const charts = [];

  const loose = (line) => line.key === "before" || line.key === "after";
  const number = (cell) => {
    const value = parseFloat(cell.textContent);
    return Number.isFinite(value) ? value : null;
  };

  // Some air around the lines, and never so near that mere noise fills the chart.
  const widened = (low, high) => {
    const air = Math.max(0.01, (high - low) * 0.08);
    return [low - air, high + air];
  };

  function draw(place) {
    const table = document.getElementById(place.dataset.table);
    if (!table || !window.uPlot) return;
    const style = getComputedStyle(document.documentElement);
    const shade = (name) => style.getPropertyValue(name).trim();
    const rows = [...table.tBodies[0].rows];
    const days = rows.map((row) => row.cells[0].textContent.trim());
    const lines = [...table.tHead.rows[0].cells]
      .map((cell, at) => ({ at, key: cell.dataset.line, name: cell.textContent.trim() }))
      .filter((one) => one.key && place.dataset.lines.split(" ").includes(one.key));
    const data = [rows.map((_, at) => at), ...lines.map((one) => rows.map((row) => number(row.cells[one.at])))];
    const dots = rows.length < 60;
    const axis = { stroke: shade("--soft"), grid: { stroke: shade("--line"), width: 1 }, ticks: { stroke: shade("--line") } };
    const options = {
      width: place.clientWidth,
      height: Number(place.dataset.height),
      scales: { x: { time: false }, y: { range: (_, low, high) => widened(low, high) } },
      legend: { live: true },
      cursor: { drag: { x: true, y: false } },
      axes: [
        { ...axis, space: 90, incrs: [1, 2, 5, 10, 20, 50, 100], values: (_, at) => at.map((one) => days[one] || "") },
        { ...axis, size: 56, values: (_, at) => at.map((one) => one.toFixed(3)) },
      ],
      series: [
        { label: "night", value: (_, at) => days[at] || "–" },
        ...lines.map((one) => ({
          label: one.name,
          stroke: shade(shades[one.key]),
          width: loose(one) ? 1 : 2,
          paths: loose(one) ? () => null : undefined,
          points: { show: loose(one) || dots, size: loose(one) && dots ? 6 : 4, fill: shade(one.key === "before" ? "--back" : shades[one.key]) },
          value: (_, value) => (value == null ? "–" : value.toFixed(3)),
          spanGaps: true,
        })),
      ],
    };
    place.textContent = "";
    const chart = new uPlot(options, data, place);
    place.dataset.drawn = String(rows.length);
    charts.push({ place, chart });
  }

  function drawAll() {
    charts.splice(0).forEach((one) => one.chart.destroy());
    document.querySelectorAll(".chart").forEach(draw);
  }

  let waiting = 0;
  const again = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => charts.forEach((one) => one.chart.setSize({ width: one.place.clientWidth, height: Number(one.place.dataset.height) })), 100);
  };

  drawAll();
  window.addEventListener("resize", again);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  // What was acted on may be gone from the page: the word on what was done takes the focus in its place.
  document.addEventListener("htmx:after:swap", () => {
    const notice = document.getElementById("notice");
    if (notice && notice.textContent.trim() && (!document.activeElement || document.activeElement === document.body)) notice.focus();
  });
})();
