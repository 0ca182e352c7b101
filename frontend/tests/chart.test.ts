import { describe, expect, it, vi } from "vitest";
import { extent, readChart } from "../src/chart/chart_data";
import { thinned } from "../src/chart/drawing";
import { niceTicks, timeTicks } from "../src/chart/scales";
import table from "../src/lazy/dataframe";
import { type Chart, Chart_Mark } from "../src/protocol/dec/elements/chart";
import { type Dataframe, type FrameColumn, FrameColumn_Type } from "../src/protocol/dec/elements/dataframe";
import { sortRows } from "../src/table/row_order";
import { printf } from "../src/ui/format";
import { readColumns } from "../src/ui/frame";

function numbers(name: string, values: (number | null)[], parts: Partial<FrameColumn> = {}): FrameColumn {
  const missing = new Uint8Array(Math.ceil(values.length / 8));
  values.forEach((value, i) => {
    if (value === null) missing[i >> 3] = (missing[i >> 3] ?? 0) | (1 << (i & 7));
  });
  const bytes = new Uint8Array(new Float64Array(values.map((value) => value ?? Number.NaN)).buffer);
  const shifted = new Uint8Array(bytes.length + 3).subarray(3); // an address that float64 does not like
  shifted.set(bytes);
  return { name, type: FrameColumn_Type.NUMBER, numbers: shifted, texts: [], missing, index: false, ...parts };
}
const texts = (name: string, values: string[]): FrameColumn => ({
  name,
  type: FrameColumn_Type.TEXT,
  numbers: new Uint8Array(),
  texts: values,
  missing: new Uint8Array(),
  index: false,
});
const chart = (mark: Chart_Mark, columns: FrameColumn[], rows: number, parts: Partial<Chart> = {}): Chart => ({
  mark,
  frame: { rows, columns, totalRows: rows },
  xLabel: "",
  yLabel: "",
  height: 0,
  horizontal: false,
  stack: "",
  colors: [],
  ...parts,
});

describe("chart data", () => {
  it("draws a line from left to right and leaves gaps for missing values", () => {
    const data = readChart(chart(Chart_Mark.LINE, [numbers("x", [3, 1, 2]), numbers("y", [30, 10, null])], 3));
    expect([...(data.positions ?? [])]).toEqual([1, 2, 3]);
    expect([...(data.series(new Set())[0]?.high ?? [])]).toEqual([10, Number.NaN, 30]);
  });

  it("piles bars up from zero and down from it", () => {
    const columns = [texts("x", ["a"]), numbers("one", [2]), numbers("two", [3]), numbers("less", [-4])];
    const series = readChart(chart(Chart_Mark.BAR, columns, 1)).series(new Set());
    expect(series.map(({ low, high }) => [low[0], high[0]])).toEqual([
      [0, 2],
      [2, 5],
      [0, -4],
    ]);
    expect(extent(series, Chart_Mark.BAR)).toEqual([-4, 5]);
    const shown = readChart(chart(Chart_Mark.BAR, columns, 1)).series(new Set([0]));
    expect(shown[0]?.high[0]).toBe(3);
  });

  it("thins to four rows for each pixel and keeps the extremes", () => {
    const values = Float64Array.from({ length: 10_000 }, (_, i) => (i === 777 ? 99 : i % 7));
    const rows = thinned(values, 10_000, 50);
    expect(rows.length).toBeLessThanOrEqual(200);
    expect(rows).toContain(777);
  });
});

describe("axes", () => {
  it("have round numbers", () => expect(niceTicks(3, 97, 5)).toEqual([0, 20, 40, 60, 80, 100]));
  it("survive a single value", () => expect(niceTicks(5, 5, 4).length).toBeGreaterThan(1));
  it("have months for a year", () => {
    const ticks = timeTicks(Date.UTC(2026, 0, 1), Date.UTC(2026, 11, 31), 12, "en");
    expect(ticks.map((tick) => tick.label).slice(0, 2)).toEqual(["Jan 26", "Feb 26"]);
    expect(ticks).toHaveLength(12);
  });
});

describe("tables", () => {
  const columns = [texts("Name", ["b", "é", "a10", "a9"]), numbers("Sum", [2, null, 10, 9.5])];
  const frame = { rows: 4, columns, totalRows: 9 };

  it("sort numbers as numbers and put missing ones last", () => {
    const read = readColumns(frame);
    expect([...sortRows(read, 4, { column: 1, down: false })]).toEqual([0, 3, 2, 1]);
    expect([...sortRows(read, 4, { column: 1, down: true })]).toEqual([2, 3, 0, 1]);
    expect([...sortRows(read, 4, { column: 0, down: false })]).toEqual([3, 2, 0, 1]);
  });

  function mount(props: Dataframe) {
    const host = document.createElement("div");
    const view = { id: "t", props, value: null, disabled: false, send: vi.fn(), files: vi.fn(), busy: vi.fn() };
    return { host, handle: table.mount(host, view) };
  }

  it("are drawn, sorted by a click, and say what was cut", () => {
    const { host } = mount({ frame, plain: false, hideIndex: false, height: 0 });
    const first = () => host.querySelector("tbody tr")?.textContent;
    expect(first()).toBe("b2.0");
    host.querySelectorAll<HTMLElement>("thead button")[1]?.click();
    host.querySelectorAll<HTMLElement>("thead button")[1]?.click();
    expect(first()).toBe("a1010.0");
    expect(host.querySelectorAll("th")[1]?.getAttribute("aria-sort")).toBe("descending");
    expect(host.querySelector(".caption")?.textContent).toBe("The first 4 of 9 rows");
  });

  it("of a million rows have few in the page", () => {
    const rows = 100_000;
    const column = numbers(
      "n",
      Array.from({ length: rows }, (_, i) => i),
    );
    const { host } = mount({
      frame: { rows, columns: [column], totalRows: rows },
      plain: false,
      hideIndex: false,
      height: 0,
    });
    expect(host.querySelectorAll("tbody tr").length).toBeLessThan(60);
    expect(host.querySelector("table")?.getAttribute("aria-rowcount")).toBe("100001");
  });
});

describe("printf", () => {
  it.each([
    ["%d %%", 12.4, "12 %"],
    ["%0.2f", 3, "3.00"],
    ["%+,d", 1234567, "+1,234,567"],
    ["%05d", -42, "-0042"],
    ["$%.1f", -2.25, "$-2.3"],
    ["%e", 12345, "1.234500e+4"],
  ])("%s of %d", (pattern, value, text) => expect(printf(pattern, value)).toBe(text));
});
