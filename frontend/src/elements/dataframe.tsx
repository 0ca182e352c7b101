import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { FrameColumn_Type, type Dataframe as Props } from "../protocol/dec/elements/dataframe";
import { t } from "../strings";
import { type Column, readColumns } from "../ui/frame";
import { Icon } from "../ui/icon";
import type { View } from "../ui/view";

const ROW = 35; // pixels, as in the style sheet
const VIRTUAL_FROM = 200;
const SPARE = 10;
const DEFAULT_HEIGHT = 420;

interface Sorting {
  column: number;
  down: boolean;
}

export function Dataframe({ props: { frame, plain, hideIndex, height } }: View<Props>) {
  const all = useMemo(() => readColumns(frame), [frame]);
  const columns = useMemo(() => all.filter((column) => !(hideIndex && column.index)), [all, hideIndex]);
  const [sorting, setSorting] = useState<Sorting>();
  const rows = frame?.rows ?? 0;
  const order = useMemo(() => sortRows(columns, rows, sorting), [columns, rows, sorting]);
  const scroller = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [room, setRoom] = useState(DEFAULT_HEIGHT);
  useLayoutEffect(() => setRoom(scroller.current?.clientHeight || DEFAULT_HEIGHT), [height, rows]);

  const virtual = !plain && rows > VIRTUAL_FROM;
  const first = virtual ? Math.max(0, Math.min(Math.floor(top / ROW) - SPARE, rows - 1)) : 0;
  const last = virtual ? Math.min(rows, first + Math.ceil(room / ROW) + 2 * SPARE) : rows;
  const widths = useMemo(
    () => (virtual ? columns.map((column) => widthOf(column, rows)) : []),
    [columns, rows, virtual],
  );
  const total = frame?.totalRows ?? 0;
  const limit = plain ? undefined : { maxHeight: `${height || DEFAULT_HEIGHT}px` };
  return (
    <div class="table-box">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <div
        class="table-scroll"
        ref={scroller}
        style={limit}
        tabIndex={0}
        onScroll={virtual ? (event) => setTop(event.currentTarget.scrollTop) : undefined}
      >
        <table class={plain ? "plain" : ""} aria-rowcount={rows + 1} data-virtual={virtual || undefined}>
          {virtual ? (
            <colgroup>
              {widths.map((width, index) => (
                <col key={index} style={{ width: `${width}ch` }} />
              ))}
            </colgroup>
          ) : null}
          <thead>
            <tr>
              {columns.map((column, index) => (
                <Head key={index} column={column} place={index} sorting={plain ? null : sorting} onSort={setSorting} />
              ))}
            </tr>
          </thead>
          <tbody>
            <Filler rows={first} />
            {order.subarray(first, last).reduce<preact.JSX.Element[]>((list, row, offset) => {
              list.push(<Row key={row} columns={columns} row={row} place={first + offset + 2} />);
              return list;
            }, [])}
            <Filler rows={rows - last} />
          </tbody>
        </table>
        {rows ? null : <p class="no-rows">{t("no_rows")}</p>}
      </div>
      {total > rows ? (
        <p class="caption">{t("columns_cut", { shown: rows.toLocaleString(), total: total.toLocaleString() })}</p>
      ) : null}
    </div>
  );
}

function Filler({ rows }: { rows: number }) {
  return rows > 0 ? <tr class="filler" aria-hidden="true" style={{ height: `${rows * ROW}px` }} /> : null;
}

interface HeadProps {
  column: Column;
  place: number;
  sorting: Sorting | undefined | null; // null = cannot be sorted
  onSort(sorting: Sorting | undefined): void;
}

function Head({ column: { name, numeric, index }, place, sorting, onSort }: HeadProps) {
  const mine = sorting?.column === place ? sorting : undefined;
  const next = !mine ? { column: place, down: false } : mine.down ? undefined : { column: place, down: true };
  return (
    <th
      scope="col"
      data-number={numeric || undefined}
      data-index={index || undefined}
      aria-sort={mine ? (mine.down ? "descending" : "ascending") : undefined}
    >
      {sorting === null ? (
        name
      ) : (
        <button type="button" onClick={() => onSort(next)} title={t("sort_by", { label: name })}>
          {name || <span class="unseen">{t("sort_by", { label: String(place + 1) })}</span>}
          <Icon name="chevron" class="sort" />
        </button>
      )}
    </th>
  );
}

function Row({ columns, row, place }: { columns: readonly Column[]; row: number; place: number }) {
  return (
    <tr aria-rowindex={place}>
      {columns.map((column, index) => {
        const text = column.text(row);
        const Cell = column.index ? "th" : "td";
        return (
          <Cell
            key={index}
            scope={column.index ? "row" : undefined}
            data-number={column.numeric || undefined}
            data-index={column.index || undefined}
            data-missing={column.isMissing(row) || undefined}
            data-flag={column.type === FrameColumn_Type.FLAG || undefined}
            title={text.length > 40 ? text : undefined}
          >
            {text}
          </Cell>
        );
      })}
    </tr>
  );
}

/** The rows in the order to show; missing values last either way. */
export function sortRows(columns: readonly Column[], rows: number, sorting: Sorting | undefined): Uint32Array {
  const order = Uint32Array.from({ length: rows }, (_, row) => row);
  const column = sorting && columns[sorting.column];
  if (!column) return order;
  const values = Array.from(order, (row) => column.value(row));
  const sign = sorting.down ? -1 : 1;
  const { compare } = new Intl.Collator(undefined, { numeric: true });
  return order.sort((a, b) => {
    const left = values[a] ?? null;
    const right = values[b] ?? null;
    if (left === null || right === null) return Number(left === null) - Number(right === null) || a - b;
    const by =
      typeof left === "number" && typeof right === "number" ? left - right : compare(String(left), String(right));
    return by * sign || a - b;
  });
}

// A table of which only some rows are drawn needs fixed columns: by the name and a sample of the rows.
function widthOf(column: Column, rows: number): number {
  let widest = column.name.length + 2;
  const stride = Math.max(1, Math.floor(rows / 100));
  for (let row = 0; row < rows; row += stride) widest = Math.max(widest, column.text(row).length);
  return Math.min(40, widest + 4);
}
