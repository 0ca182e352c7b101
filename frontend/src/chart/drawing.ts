// Draws a chart of a given size: grid, axes, marks. Returns where things are, for the pointer and the keyboard.
import { type Chart, Chart_Mark } from "../protocol/dec/elements/chart";
import { svg } from "../ui/dom";
import { pageLanguage } from "../ui/format";
import { type ChartData, extent, type Series } from "./chart_data";
import { niceTicks, numberFormat, type Tick, timeTicks } from "./scales";

const RIGHT_MARGIN = 12;

export interface Drawing {
  element: SVGSVGElement;
  series: Series[];
  /** The row nearest to a point, -1 if there is none. */
  rowAt(x: number, y: number): number;
  /** The middle of a row's place along the x axis of the data, in pixels. */
  along(row: number): number;
  area: Area;
}

interface Area {
  left: number;
  top: number;
  width: number;
  height: number;
}

const LABEL_ROOM = 18;

export function draw(
  chart: Chart,
  data: ChartData,
  hidden: ReadonlySet<number>,
  width: number,
  height: number,
): Drawing {
  const series = data.series(hidden);
  const language = pageLanguage();
  const flat = chart.horizontal && chart.mark === Chart_Mark.BAR;
  const values = niceTicks(...extent(series, chart.mark), Math.max(2, (flat ? width / 90 : height / 45) | 0));
  const format = data.normalized
    ? new Intl.NumberFormat(language, { style: "percent" })
    : numberFormat(language, values);
  const valueTicks = values.map((value) => ({ value, label: format.format(value) }));
  const rowLabels = flat ? Array.from({ length: data.rows }, (_, row) => data.x?.text(row) ?? "") : [];
  const sideLabels = flat ? rowLabels : valueTicks.map((tick) => tick.label);
  const left = Math.min(width * 0.4, Math.max(...sideLabels.map(textWidth), 8) + 10) + (chart.yLabel ? LABEL_ROOM : 0);
  const area: Area = {
    left,
    top: 8,
    width: width - left - RIGHT_MARGIN,
    height: height - 8 - 24 - (chart.xLabel ? LABEL_ROOM : 0),
  };

  const low = values[0] ?? 0;
  const high = values[values.length - 1] ?? 1;
  const toValue = flat
    ? (value: number) => area.left + ((value - low) / (high - low)) * area.width
    : (value: number) => area.top + area.height - ((value - low) / (high - low)) * area.height;
  const { positions } = data;
  const from = positions?.[0] ?? 0;
  const to = positions?.[data.rows - 1] ?? 1;
  const band = (flat ? area.height : area.width) / Math.max(1, data.rows);
  const toX = (position: number) => area.left + ((position - from) / (to - from || 1)) * area.width;
  const along = (row: number) =>
    positions ? toX(positions[row] ?? 0) : (flat ? area.top : area.left) + (row + 0.5) * band;

  const element = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
  drawGrid(element, area, valueTicks, toValue, flat);
  drawRowTicks(element, area, rowTicks(data, area, along, toX, flat, from, to, language), flat);
  drawTitles(element, chart, area, height);
  const marks = svg("g");
  series.forEach((one, place) => {
    const color = seriesColor(chart, one.place);
    if (chart.mark === Chart_Mark.BAR) marks.append(bars(one, place, series, along, toValue, band, flat, color));
    else marks.append(...curve(one, chart.mark === Chart_Mark.AREA, along, toValue, data.rows, area.width, color));
  });
  element.append(marks);
  return {
    element,
    series,
    along,
    area,
    rowAt: (x, y) =>
      nearest(data.rows, along, flat ? y : x, band, positions === undefined, flat ? area.top : area.left),
  };
}

export function seriesColor({ colors }: Chart, place: number): string {
  return colors[place % (colors.length || 1)] || `var(--s${(place % 8) + 1})`;
}

function textWidth(text: string): number {
  return text.length * 6.9;
}

/** A label under the plot, centred on its tick unless it would jut out on the right. */
function labelBelow(area: Area, at: number, text: string): SVGElement {
  const edge = area.left + area.width + RIGHT_MARGIN;
  const juts = at + textWidth(text) / 2 > edge;
  const place = { x: juts ? edge : at, y: area.top + area.height + 18, "text-anchor": juts ? "end" : "middle" };
  return svg("text", place, text);
}

function drawGrid(
  element: SVGElement,
  area: Area,
  ticks: readonly Tick[],
  toValue: (value: number) => number,
  flat: boolean,
): void {
  for (const { value, label } of ticks) {
    const at = Math.round(toValue(value)) + 0.5;
    const line = flat ? `M${at} ${area.top}v${area.height}` : `M${area.left} ${at}h${area.width}`;
    element.append(svg("path", { d: line, class: value === 0 ? "axis" : "grid" }));
    element.append(
      flat ? labelBelow(area, at, label) : svg("text", { x: area.left - 8, y: at + 4, "text-anchor": "end" }, label),
    );
  }
}

interface Placed {
  at: number;
  label: string;
}

function rowTicks(
  data: ChartData,
  area: Area,
  along: (row: number) => number,
  toX: (x: number) => number,
  flat: boolean,
  from: number,
  to: number,
  language: string | undefined,
): Placed[] {
  if (data.positions) {
    const count = Math.max(2, Math.floor(area.width / 80));
    const ticks = data.isTime
      ? timeTicks(from, to, count, language)
      : niceTicks(from, to, count).map((value, _, all) => ({
          value,
          label: numberFormat(language, all).format(value),
        }));
    return ticks
      .filter(({ value }) => value >= from && value <= to)
      .map(({ value, label }) => ({ at: toX(value), label }));
  }
  const labels = Array.from({ length: data.rows }, (_, row) => data.x?.text(row) ?? "");
  const widest = flat ? 16 : Math.min(110, Math.max(...labels.map(textWidth), 10)) + 10;
  const every = Math.max(1, Math.ceil((widest * data.rows) / (flat ? area.height : area.width)));
  return labels.map((label, row) => ({ at: along(row), label })).filter((_, row) => row % every === 0);
}

function drawRowTicks(element: SVGElement, area: Area, ticks: readonly Placed[], flat: boolean): void {
  const room = flat ? area.left - 8 : 110;
  for (const { at, label } of ticks) {
    const text = textWidth(label) > room + 6 ? `${label.slice(0, Math.max(3, Math.floor(room / 7)))}…` : label;
    element.append(
      flat ? svg("text", { x: area.left - 8, y: at + 4, "text-anchor": "end" }, text) : labelBelow(area, at, text),
    );
  }
}

function drawTitles(element: SVGElement, { xLabel, yLabel }: Chart, area: Area, height: number): void {
  if (xLabel)
    element.append(
      svg("text", { x: area.left + area.width / 2, y: height - 3, "text-anchor": "middle", class: "title" }, xLabel),
    );
  if (!yLabel) return;
  const middle = area.top + area.height / 2;
  element.append(
    svg(
      "text",
      { x: 12, y: middle, transform: `rotate(-90 12 ${middle})`, "text-anchor": "middle", class: "title" },
      yLabel,
    ),
  );
}

function bars(
  one: Series,
  place: number,
  series: readonly Series[],
  along: (row: number) => number,
  toValue: (value: number) => number,
  band: number,
  flat: boolean,
  color: string,
): SVGElement {
  const stacked = series.length > 1 && one.high !== one.values;
  const slots = stacked ? 1 : series.length;
  const room = Math.min(band * 0.78, 80 * slots);
  const thick = Math.max(1, room / slots - (slots > 1 ? 1 : 0));
  const offset = -room / 2 + (stacked ? 0 : place * (room / slots));
  let path = "";
  for (let row = 0; row < one.high.length; row++) {
    const end = toValue(one.high[row] ?? Number.NaN);
    const start = toValue(one.low[row] ?? 0);
    if (Number.isNaN(end) || start === end) continue;
    const side = (along(row) + offset).toFixed(1);
    path += flat
      ? `M${start.toFixed(1)} ${side}H${end.toFixed(1)}v${thick.toFixed(1)}H${start.toFixed(1)}Z`
      : `M${side} ${start.toFixed(1)}V${end.toFixed(1)}h${thick.toFixed(1)}V${start.toFixed(1)}Z`;
  }
  const element = svg("path", { d: path, class: "bars" });
  element.style.fill = color;
  return element;
}

function curve(
  one: Series,
  filled: boolean,
  along: (row: number) => number,
  toValue: (value: number) => number,
  rows: number,
  width: number,
  color: string,
): SVGElement[] {
  let path = "";
  const under: string[] = [];
  let run: number[] = [];
  const close = () => {
    if (filled && run.length) {
      const top = run.map((row) => `${along(row).toFixed(1)} ${toValue(one.high[row] ?? 0).toFixed(1)}`);
      const bottom = run.map((row) => `${along(row).toFixed(1)} ${toValue(one.low[row] ?? 0).toFixed(1)}`).reverse();
      under.push(`M${top.join("L")}L${bottom.join("L")}Z`);
    }
    run = [];
  };
  for (const row of thinned(one.high, rows, width)) {
    const value = one.high[row] ?? Number.NaN;
    if (Number.isNaN(value)) {
      close();
      continue;
    }
    path += `${run.length ? "L" : "M"}${along(row).toFixed(1)} ${toValue(value).toFixed(1)}`;
    // A value alone between gaps would be invisible: a line of no length has round ends.
    if (!run.length && Number.isNaN(one.high[row + 1] ?? Number.NaN)) path += "h0";
    run.push(row);
  }
  close();
  const line = svg("path", { d: path, class: "curve" });
  line.style.stroke = color;
  if (!filled) return [line];
  const below = svg("path", { d: under.join(""), class: "under" });
  below.style.fill = color;
  return [below, line];
}

/** At most four rows per pixel: the first, lowest, highest and last of each group look the same as all. */
export function thinned(values: Float64Array, rows: number, width: number): number[] {
  const groups = Math.max(1, Math.floor(width));
  if (rows <= groups * 4) return Array.from({ length: rows }, (_, row) => row);
  const kept: number[] = [];
  for (let group = 0; group < groups; group++) {
    const first = Math.floor((group * rows) / groups);
    const last = Math.floor(((group + 1) * rows) / groups) - 1;
    let low = first;
    let high = first;
    for (let row = first; row <= last; row++) {
      if ((values[row] ?? 0) < (values[low] ?? 0)) low = row;
      if ((values[row] ?? 0) > (values[high] ?? 0)) high = row;
    }
    kept.push(...[...new Set([first, low, high, last])].sort((a, b) => a - b));
  }
  return kept;
}

function nearest(
  rows: number,
  along: (row: number) => number,
  at: number,
  band: number,
  banded: boolean,
  start: number,
): number {
  if (!rows) return -1;
  if (banded) return Math.min(rows - 1, Math.max(0, Math.floor((at - start) / band)));
  let low = 0;
  let high = rows - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (along(middle) < at) low = middle;
    else high = middle;
  }
  return at - along(low) < along(high) - at ? low : high;
}
