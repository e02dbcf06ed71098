// Draws each chart from the table below it, so that both say the same.
"use strict";
const charts = [];
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const compact = (value) => {
  for (const [size, unit] of [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]])
    if (Math.abs(value) >= size) return `${+(value / size).toPrecision(3)} ${unit}`;
  return String(+value.toPrecision(3));
};
const forms = {
  tokens: compact,
  count: compact,
  dollars: (value) => `$${compact(value)}`,
  ms: (value) => (value >= 1000 ? `${+(value / 1000).toPrecision(3)} s` : `${+value.toPrecision(3)} ms`),
  share: (value) => `${+(value * 100).toPrecision(3)} %`,
};

// "2026-11-25 10:00" in a title; at the axis what tells it from its neighbours.
const short = (label, index, labels) => {
  const time = /^\d{4}-(\d\d)-(\d\d)(?: (\d\d:\d\d))?$/.exec(label);
  if (!time) return label.length > 22 ? `${label.slice(0, 21)}…` : label;
  const [, month, day, clock] = time;
  const isIntraday = labels.some((other) => other.includes(":"));
  return isIntraday ? (clock ?? `${month}-${day}`) : `${month}-${day}`;
};

const read = (table, maxRows) => {
  const headings = [...table.tHead.rows[0].cells];
  const rows = [...table.tBodies[0].rows].slice(0, maxRows);
  const labels = rows.map((row) => row.cells[0].textContent.trim());
  const series = headings.flatMap((heading, index) =>
    heading.dataset.draw
      ? [{
          label: heading.textContent.trim(),
          form: heading.dataset.draw,
          values: rows.map((row) => (row.cells[index].dataset.value === "" ? null : Number(row.cells[index].dataset.value))),
          shown: rows.map((row) => row.cells[index].textContent.trim()),
        }]
      : [],
  );
  return { labels, series };
};

const colours = (kind) => (kind === "line" ? [css("--saved"), css("--second")] : [css("--sent"), css("--saved")]);

// The step that still runs is drawn paler: it is no fall.
const pale = (colour) => `color-mix(in srgb, ${colour} 45%, transparent)`;

const config = (kind, { labels, series }, isUnfinished) => {
  const isLine = kind === "line";
  const isFlat = kind === "bars";
  const palette = colours(kind);
  const valueAxis = {
    stacked: !isLine,
    beginAtZero: true,
    border: { display: false },
    grid: { color: css("--grid") },
    ticks: { color: css("--muted"), maxTicksLimit: 6, callback: (value) => forms[series[0].form](value) },
  };
  const nameAxis = {
    stacked: !isLine,
    border: { color: css("--line") },
    grid: { display: false },
    ticks: {
      color: css("--muted"), maxRotation: 0, autoSkip: !isFlat, autoSkipPadding: 14,
      callback: (_, index) => short(labels[index], index, labels),
    },
  };
  return {
    type: isLine ? "line" : "bar",
    data: {
      labels,
      datasets: series.map((one, i) => ({
        label: one.label,
        data: one.values,
        backgroundColor: isLine
          ? css("--band")
          : labels.map((_, row) => (isUnfinished && row === labels.length - 1 ? pale(palette[i]) : palette[i])),
        fill: isLine && i === 0 && series.length === 2 ? "+1" : false,
        borderColor: palette[i],
        borderWidth: isLine ? 2 : 0,
        borderDash: isLine && i > 0 ? [5, 4] : [],
        pointRadius: isLine ? (one.values.filter((v) => v !== null).length < 3 ? 3 : 0) : undefined,
        pointHitRadius: 12,
        tension: 0.25,
        spanGaps: true,
        segment: isUnfinished && isLine ? { borderColor: (part) => (part.p1DataIndex === labels.length - 1 ? pale(palette[i]) : undefined) } : undefined,
        maxBarThickness: isFlat ? 22 : 46,
        borderRadius: isLine ? 0 : 3,
      })),
    },
    options: {
      indexAxis: isFlat ? "y" : "x",
      responsive: true,
      maintainAspectRatio: false,
      animation: false,
      interaction: { mode: "index", intersect: false, axis: isFlat ? "y" : "x" },
      scales: isFlat ? { x: valueAxis, y: nameAxis } : { x: nameAxis, y: valueAxis },
      plugins: {
        legend: {
          position: "top", align: "end",
          labels: {
            color: css("--ink"), boxWidth: isLine ? 22 : 12, boxHeight: isLine ? 0 : 12, borderRadius: 3, useBorderRadius: !isLine,
            generateLabels: (chart) =>
              Chart.defaults.plugins.legend.labels.generateLabels(chart).map((label, i) => ({
                ...label, fillStyle: palette[i], strokeStyle: palette[i], lineWidth: isLine ? 2 : 0,
              })),
          },
        },
        tooltip: {
          backgroundColor: css("--ink"), titleColor: css("--surface"), bodyColor: css("--surface"), padding: 10,
          cornerRadius: 8, boxPadding: 4,
          callbacks: {
            title: ([item]) => labels[item.dataIndex] + (isUnfinished && item.dataIndex === labels.length - 1 ? " (so far)" : ""),
            label: (item) => ` ${item.dataset.label}: ${series[item.datasetIndex].shown[item.dataIndex]}`,
          },
        },
      },
    },
  };
};

const MAX_BARS = 12;
const draw = (figure) => {
  const table = document.getElementById(figure.dataset.table);
  const kind = figure.dataset.chart;
  const data = read(table, kind === "bars" ? MAX_BARS : Infinity);
  const place = figure.querySelector(".canvas");
  if (kind === "bars") place.style.height = `${4 + Math.max(2, data.labels.length) * 2.1}rem`;
  charts.push(new Chart(place.querySelector("canvas"), config(kind, data, "unfinished" in figure.dataset)));
  place.classList.add("drawn");
};

const drawAll = () => {
  while (charts.length) charts.pop().destroy();
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  Chart.defaults.font.size = 12;
  document.querySelectorAll(".chart").forEach(draw);
};
drawAll();
document.addEventListener("theme", drawAll);
