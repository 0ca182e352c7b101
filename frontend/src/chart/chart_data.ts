// From a frame to what is drawn: places on the x axis, and for each series its values with where they start and end.
import { type Chart, Chart_Mark } from "../protocol/dec/elements/chart";
import { FrameColumn_Type } from "../protocol/dec/elements/dataframe";
import { type Column, readColumns } from "../ui/frame";

export interface Series {
  name: string;
  place: number; // in the frame: its colour
  values: Float64Array; // NaN = missing
  low: Float64Array; // where the mark starts: 0, or the top of the series below it
  high: Float64Array;
  column: Column;
}

export interface ChartData {
  rows: number;
  x: Column | undefined;
  /** Positions on a continuous axis; undefined = every row has a place of its own. */
  positions: Float64Array | undefined;
  isTime: boolean;
  names: string[]; // of all series
  normalized: boolean;
  /** The series that are not hidden, stacked if the chart stacks. */
  series(hidden: ReadonlySet<number>): Series[];
}

export function readChart({ frame, mark, stack }: Chart): ChartData {
  const rows = frame?.rows ?? 0;
  const [x, ...columns] = readColumns(frame);
  const continuous =
    mark !== Chart_Mark.BAR && x !== undefined && x.type !== FrameColumn_Type.TEXT && x.type !== FrameColumn_Type.FLAG;
  const order = rowOrder(rows, continuous ? x : undefined);
  const numbers = (column: Column) => Float64Array.from(order, (row) => toNumber(column.value(row)));
  const all = columns.map((column, place) => ({ name: column.name, place, column, values: numbers(column) }));
  const split = mark === Chart_Mark.BAR;
  const stacked = mark !== Chart_Mark.LINE && stack !== "none";
  return {
    rows: order.length,
    x: x && inOrder(x, order),
    positions: continuous && x ? numbers(x) : undefined,
    isTime: x?.type === FrameColumn_Type.DATE || x?.type === FrameColumn_Type.DATETIME,
    names: columns.map((column) => column.name),
    normalized: stack === "normalize",
    series: (hidden) => {
      const shown = all
        .filter(({ place }) => !hidden.has(place))
        .map((one) => ({ ...one, low: new Float64Array(order.length), high: one.values }));
      return stacked ? pile(shown, order.length, stack === "normalize", split) : shown;
    },
  };
}

// A line goes from left to right whatever the order of the rows; rows without an x have no place.
function rowOrder(rows: number, x: Column | undefined): number[] {
  const order = Array.from({ length: rows }, (_, row) => row);
  if (!x) return order;
  return order.filter((row) => !x.isMissing(row)).sort((a, b) => toNumber(x.value(a)) - toNumber(x.value(b)) || a - b);
}

function inOrder(column: Column, order: readonly number[]): Column {
  return { ...column, text: (row) => column.text(order[row] ?? 0) };
}

function toNumber(value: number | string | null): number {
  return typeof value === "number" ? value : Number.NaN;
}

// Bars: positive values pile up from zero, negative ones down from it. Areas: each stands on the one below.
function pile(series: Series[], rows: number, normalize: boolean, split: boolean): Series[] {
  for (let row = 0; row < rows; row++) {
    const total = normalize ? series.reduce((sum, { values }) => sum + Math.abs(values[row] || 0), 0) || 1 : 1;
    let up = 0;
    let down = 0;
    for (const one of series) {
      if (row === 0) one.high = new Float64Array(rows);
      const value = (one.values[row] || 0) / total;
      const below = split && value < 0;
      one.low[row] = below ? down : up;
      if (below) down += value;
      else up += value;
      one.high[row] = below ? down : up;
    }
  }
  return series;
}

/** The smallest and largest value to be seen; with zero where marks stand on it or it is near. */
export function extent(series: readonly Series[], mark: Chart_Mark): [number, number] {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const { low, high } of series) {
    for (let row = 0; row < high.length; row++) {
      const top = high[row] ?? Number.NaN;
      if (Number.isNaN(top)) continue;
      const bottom = mark === Chart_Mark.LINE ? top : Math.min(low[row] ?? 0, top);
      if (bottom < min) min = bottom;
      if (top > max) max = top;
    }
  }
  if (min > max) return [0, 1];
  if (mark !== Chart_Mark.LINE || (min > 0 && min < max * 0.6)) return [Math.min(0, min), Math.max(0, max)];
  return [min, max];
}
