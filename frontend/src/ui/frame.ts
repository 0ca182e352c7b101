// Reads the columns of a table as they travel: numbers as little-endian float64, a bit for each missing value.
import { type Frame, type FrameColumn, FrameColumn_Type } from "../protocol/dec/elements/dataframe";
import { decimalsOf, formatTime, pageLanguage } from "./format";

export interface Column {
  name: string;
  index: boolean;
  numeric: boolean; // drawn at the end of the line, with even digits
  type: FrameColumn_Type;
  isMissing(row: number): boolean;
  /** The raw value: a number (milliseconds for times), a text, or null. */
  value(row: number): number | string | null;
  text(row: number): string;
}

export function readColumns(frame: Frame | undefined): Column[] {
  return frame?.columns.map(readColumn) ?? [];
}

function readColumn(column: FrameColumn): Column {
  const { name, index, type, texts, missing } = column;
  const numbers = readNumbers(column.numbers);
  const isMissing = (row: number) => ((missing[row >> 3] ?? 0) & (1 << (row & 7))) !== 0;
  const value = (row: number) =>
    isMissing(row) ? null : type === FrameColumn_Type.TEXT ? (texts[row] ?? "") : (numbers[row] ?? null);
  const show = shower(type, numbers);
  return {
    name,
    index,
    numeric: type === FrameColumn_Type.NUMBER || type === FrameColumn_Type.INTEGER,
    type,
    isMissing,
    value,
    text: (row) => {
      const raw = value(row);
      return raw === null ? "" : typeof raw === "string" ? raw : show(raw);
    },
  };
}

/** A copy, because the bytes may start at any address and float64 must not. */
export function readNumbers(bytes: Uint8Array): Float64Array {
  return new Float64Array(bytes.slice().buffer, 0, bytes.length >> 3);
}

const SAMPLE = 200; // rows that decide how many digits a column shows
const MOST_DECIMALS = 4;

function shower(type: FrameColumn_Type, numbers: Float64Array): (value: number) => string {
  const finite = numbers.subarray(0, SAMPLE).filter(Number.isFinite);
  const decimals = Math.max(0, ...Array.from(finite, (value) => Math.min(MOST_DECIMALS, decimalsOf(Math.abs(value)))));
  const decimal = new Intl.NumberFormat(pageLanguage(), {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  });
  if (type === FrameColumn_Type.FLAG) return (value) => (value ? "✓" : "–");
  if (type === FrameColumn_Type.DATE) return (value) => formatTime(value, "date");
  if (type === FrameColumn_Type.DATETIME) return (value) => formatTime(value, "datetime");
  if (type === FrameColumn_Type.INTEGER) return String;
  return (value) => (Number.isFinite(value) ? decimal.format(value) : String(value));
}
