// dataframe and table: a read-only table that sorts, and that draws only what is in sight when it is long.
// Loaded on first use, self-contained, no framework.
import { type Dataframe, FrameColumn_Type } from "../protocol/dec/elements/dataframe";
import { Dataframe as DataframeSchema } from "../protocol/schema";
import { texts } from "../strings";
import css from "../styles/table.css";
import { nextSorting, type Sorting, sortRows, widthOf } from "../table/row_order";
import { html } from "../ui/dom";
import { type Column, readColumns } from "../ui/frame";
import type { LazyElement, LazyView } from "../ui/view";

const t = texts({
  no_rows: "No rows",
  rows_cut: "The first {shown} of {total} rows",
  sort_by: "Sort by {label}",
});
const ROW = 35; // pixels, as in the style sheet
const VIRTUAL_FROM = 200;
const SPARE = 10;
const DEFAULT_HEIGHT = 420;

class TableView {
  readonly #scroller = html("div", { class: "table-scroll", tabindex: 0 });
  readonly #body = html("tbody");
  readonly #note = html("p", { class: "caption" });
  #props!: Dataframe;
  #columns: Column[] = [];
  #sorting: Sorting | undefined;
  #order: Uint32Array = new Uint32Array();
  #first = -1;

  constructor(host: HTMLElement, view: LazyView) {
    host.append(this.#scroller, this.#note);
    this.#scroller.addEventListener("scroll", () => this.#drawRows(), { passive: true });
    this.update(view);
  }

  update({ props }: LazyView): void {
    if (props === this.#props) return;
    this.#props = props as Dataframe;
    const { frame, hideIndex, plain, height } = this.#props;
    this.#columns = readColumns(frame).filter((column) => !(hideIndex && column.index));
    if (plain || (this.#sorting && this.#sorting.column >= this.#columns.length)) this.#sorting = undefined;
    this.#scroller.style.maxHeight = plain ? "" : `${height || DEFAULT_HEIGHT}px`;
    this.#draw();
    const total = frame?.totalRows ?? 0;
    this.#note.hidden = total <= this.#rows;
    this.#note.textContent = t("rows_cut", { shown: this.#rows.toLocaleString(), total: total.toLocaleString() });
  }

  destroy(): void {
    this.#scroller.remove();
    this.#note.remove();
  }

  get #rows(): number {
    return this.#props.frame?.rows ?? 0;
  }

  get #isVirtual(): boolean {
    return !this.#props.plain && this.#rows > VIRTUAL_FROM;
  }

  #draw(): void {
    const kind = this.#props.plain ? "plain" : this.#isVirtual ? "virtual" : "";
    const head = html("thead", {}, html("tr", {}, ...this.#columns.map((column, place) => this.#head(column, place))));
    const table = html("table", { class: kind, "aria-rowcount": this.#rows + 1 }, head, this.#body);
    if (this.#isVirtual) table.prepend(this.#widths());
    this.#scroller.replaceChildren(table);
    if (!this.#rows) this.#scroller.append(html("p", { class: "no-rows" }, t("no_rows")));
    this.#order = sortRows(this.#columns, this.#rows, this.#sorting);
    this.#first = -1;
    this.#drawRows();
  }

  #widths(): HTMLElement {
    const columns = this.#columns.map((column) => {
      const col = html("col");
      col.style.width = `${widthOf(column, this.#rows)}ch`;
      return col;
    });
    return html("colgroup", {}, ...columns);
  }

  #head(column: Column, place: number): HTMLElement {
    const mine = this.#sorting?.column === place ? this.#sorting : undefined;
    const sorted = mine && (mine.down ? "descending" : "ascending");
    if (this.#props.plain && !column.name) return html("td");
    const cell = html("th", { scope: "col", ...marks(column), "aria-sort": sorted });
    if (this.#props.plain) {
      cell.append(column.name);
      return cell;
    }
    const title = t("sort_by", { label: column.name || place + 1 });
    const button = html("button", { type: "button", title }, column.name);
    if (!column.name) button.setAttribute("aria-label", title);
    button.addEventListener("click", () => {
      this.#sorting = nextSorting(this.#sorting, place);
      this.#draw();
      this.#scroller.querySelectorAll<HTMLElement>("thead button")[place]?.focus();
    });
    cell.append(button);
    return cell;
  }

  #drawRows(): void {
    const rows = this.#rows;
    const { scrollTop, clientHeight } = this.#scroller;
    const first = this.#isVirtual ? Math.max(0, Math.min(Math.floor(scrollTop / ROW), rows) - SPARE) : 0;
    if (first === this.#first) return;
    this.#first = first;
    const last = this.#isVirtual
      ? Math.min(rows, first + Math.ceil((clientHeight || DEFAULT_HEIGHT) / ROW) + 2 * SPARE)
      : rows;
    const drawn = Array.from(this.#order.subarray(first, last), (row, offset) => this.#row(row, first + offset));
    this.#body.replaceChildren(...filler(first), ...drawn, ...filler(rows - last));
  }

  #row(row: number, place: number): HTMLElement {
    const cells = this.#columns.map((column) => {
      const text = column.text(row);
      const attributes = { ...marks(column), title: text.length > 40 ? text : undefined };
      return column.index ? html("th", { scope: "row", ...attributes }, text) : html("td", attributes, text);
    });
    return html("tr", { "aria-rowindex": place + 2 }, ...cells);
  }
}

function marks({ numeric, type }: Column): Record<string, string | undefined> {
  return { "data-type": numeric ? "number" : type === FrameColumn_Type.FLAG ? "flag" : undefined };
}

function filler(rows: number): HTMLElement[] {
  if (rows <= 0) return [];
  const row = html("tr", { class: "filler" });
  row.style.height = `${rows * ROW}px`;
  return [row];
}

const element: LazyElement = {
  decode: (bytes) => DataframeSchema.decode(bytes),
  css,
  mount: (host, view) => new TableView(host, view),
};
export default element;
