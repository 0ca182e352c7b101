// The order in which a table's rows are shown.
import type { Column } from "../ui/frame";

export interface Sorting {
  column: number;
  down: boolean;
}

/** What the next click on a column's head asks for: up, down, then as the data came. */
export function nextSorting(sorting: Sorting | undefined, column: number): Sorting | undefined {
  if (sorting?.column !== column) return { column, down: false };
  return sorting.down ? undefined : { column, down: true };
}

/** Row numbers in the order to show; missing values come last either way. */
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
    const numbers = typeof left === "number" && typeof right === "number";
    return (numbers ? left - right : compare(String(left), String(right))) * sign || a - b;
  });
}

/** A width in characters for a column of which only some rows are drawn: by its name and a sample of its texts. */
export function widthOf(column: Column, rows: number): number {
  let widest = column.name.length + 2;
  const stride = Math.max(1, Math.floor(rows / 100));
  for (let row = 0; row < rows; row += stride) widest = Math.max(widest, column.text(row).length);
  return Math.min(40, widest + 4);
}
