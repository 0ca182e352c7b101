// line_chart, bar_chart, area_chart: an SVG of our own. Loaded on first use, self-contained, no framework.
import { type ChartData, readChart } from "../chart/chart_data";
import { type Drawing, draw, seriesColor } from "../chart/drawing";
import { type Chart, Chart_Mark } from "../protocol/dec/elements/chart";
import { Chart as ChartSchema } from "../protocol/schema";
import { texts } from "../strings";
import css from "../styles/chart.css";
import { html, svg } from "../ui/dom";
import type { LazyElement, LazyView } from "../ui/view";

const DEFAULT_HEIGHT = 300;
const t = texts({ area_chart: "Area chart", bar_chart: "Bar chart", line_chart: "Line chart" });
const MARK_NAMES = {
  [Chart_Mark.LINE]: "line_chart",
  [Chart_Mark.BAR]: "bar_chart",
  [Chart_Mark.AREA]: "area_chart",
} as const;

class ChartView {
  readonly #plot = html("div", { class: "plot", tabindex: 0, role: "img" });
  readonly #tip = html("div", { class: "chart-tip", role: "status" });
  readonly #legend = html("div", { class: "legend" });
  readonly #hidden = new Set<number>();
  readonly #observer = new ResizeObserver(() => this.#redraw());
  #chart!: Chart;
  #data!: ChartData;
  #drawing: Drawing | undefined;
  #width = 0;
  #row = -1;

  constructor(
    private readonly host: HTMLElement,
    view: LazyView,
  ) {
    const frame = html("div", { class: "plot-box" }, this.#plot, this.#tip);
    host.append(frame, this.#legend);
    this.#take(view);
    this.#plot.addEventListener("pointermove", (event) => this.#point(event));
    this.#plot.addEventListener("pointerleave", () => this.#show(-1));
    this.#plot.addEventListener("blur", () => this.#show(-1));
    this.#plot.addEventListener("keydown", (event) => this.#key(event));
    this.#observer.observe(frame);
  }

  update(view: LazyView): void {
    if (view.props === this.#chart) return;
    this.#take(view);
  }

  destroy(): void {
    this.#observer.disconnect();
    this.host.replaceChildren();
  }

  #take({ props }: LazyView): void {
    this.#chart = props as Chart;
    this.#data = readChart(this.#chart);
    this.#plot.style.height = `${this.#chart.height || DEFAULT_HEIGHT}px`;
    this.#plot.setAttribute("aria-label", `${t(MARK_NAMES[this.#chart.mark])}: ${this.#data.names.join(", ")}`);
    this.#width = 0;
    this.#drawLegend();
    this.#redraw();
  }

  #redraw(): void {
    const width = Math.floor(this.#plot.clientWidth);
    if (!width || width === this.#width) return;
    this.#width = width;
    this.#drawing = draw(this.#chart, this.#data, this.#hidden, width, this.#chart.height || DEFAULT_HEIGHT);
    this.#plot.replaceChildren(this.#drawing.element);
    this.#show(this.#row < this.#data.rows ? this.#row : -1);
  }

  #drawLegend(): void {
    const { names } = this.#data;
    this.#legend.hidden = names.length < 2;
    this.#legend.replaceChildren(
      ...names.map((name, place) => {
        const swatch = html("span", { class: "swatch" });
        swatch.style.background = seriesColor(this.#chart, place);
        const button = html(
          "button",
          { type: "button", "aria-pressed": String(!this.#hidden.has(place)) },
          swatch,
          name,
        );
        button.addEventListener("click", () => {
          if (!this.#hidden.delete(place)) this.#hidden.add(place);
          button.setAttribute("aria-pressed", String(!this.#hidden.has(place)));
          this.#width = 0;
          this.#redraw();
        });
        return button;
      }),
    );
  }

  #point(event: PointerEvent): void {
    const box = this.#plot.getBoundingClientRect();
    this.#show(this.#drawing?.rowAt(event.clientX - box.left, event.clientY - box.top) ?? -1);
  }

  #key(event: KeyboardEvent): void {
    const last = this.#data.rows - 1;
    const moves: Record<string, number> = {
      ArrowRight: this.#row + 1,
      ArrowDown: this.#row + 1,
      ArrowLeft: this.#row < 0 ? last : this.#row - 1,
      ArrowUp: this.#row < 0 ? last : this.#row - 1,
      Home: 0,
      End: last,
      Escape: -1,
    };
    const target = moves[event.key];
    if (target === undefined) return;
    event.preventDefault();
    this.#show(event.key === "Escape" ? -1 : Math.min(last, Math.max(0, target)));
  }

  /** Marks a row and says its values; -1 = none. */
  #show(row: number): void {
    const drawing = this.#drawing;
    const data = this.#data;
    const chart = this.#chart;
    this.#row = row;
    drawing?.element.querySelector(".here")?.remove();
    this.#tip.hidden = row < 0 || !drawing;
    if (row < 0 || !drawing) return;
    const flat = chart.horizontal && chart.mark === Chart_Mark.BAR;
    const at = drawing.along(row);
    const { left, top, width, height } = drawing.area;
    const line = flat ? `M${left} ${at}h${width}` : `M${at} ${top}v${height}`;
    drawing.element.prepend(svg("path", { d: line, class: "here" }));
    this.#tip.replaceChildren(
      html("strong", {}, data.x?.text(row) ?? String(row)),
      ...drawing.series.map((one) => this.#tipLine(one, row)),
    );
    const x = flat ? left + width / 2 : at;
    const before = x + this.#tip.offsetWidth + 16 > this.#plot.clientWidth;
    this.#tip.style.left = `${Math.max(0, before ? x - this.#tip.offsetWidth - 12 : x + 12)}px`;
    this.#tip.style.top = `${flat ? Math.min(at + 8, top + height - this.#tip.offsetHeight) : top + 8}px`;
  }

  #tipLine({ name, place, values }: Drawing["series"][number], row: number): HTMLElement {
    const swatch = html("span", { class: "swatch" });
    swatch.style.background = seriesColor(this.#chart, place);
    const value = values[row] ?? Number.NaN;
    const text = Number.isNaN(value)
      ? "–"
      : new Intl.NumberFormat(document.documentElement.lang || undefined, { maximumFractionDigits: 4 }).format(value);
    return html("div", {}, swatch, html("span", { class: "tip-name" }, name), html("b", {}, text));
  }
}

const element: LazyElement = {
  decode: (bytes) => ChartSchema.decode(bytes),
  css,
  mount: (host, view) => new ChartView(host, view),
};
export default element;
