// Numbers and times for people: printf patterns, moment patterns, and what the browser's locale likes.

/** Fills one printf conversion (%d %i %f %.2f %e %g %s %u %x, flags "+ 0-,'", width) with a number. */
export function printf(pattern: string, value: number): string {
  return pattern.replace(/%(?:%|([-+ 0,']*)(\d*)(?:\.(\d+))?([a-zA-Z]))/g, (whole, flags, width, precision, type) => {
    if (whole === "%%") return "%";
    let text = convert(type, Math.abs(value), precision === undefined ? undefined : Number(precision), flags);
    const sign = value < 0 ? "-" : flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
    const room = Number(width || 0) - sign.length;
    if (flags.includes("0") && !flags.includes("-")) text = text.padStart(room, "0");
    text = sign + text;
    return flags.includes("-") ? text.padEnd(Number(width || 0)) : text.padStart(Number(width || 0));
  });
}

function convert(type: string, value: number, precision: number | undefined, flags: string): string {
  if (/[dDiu]/.test(type)) return grouped(String(Math.round(value)), flags);
  if (type === "e" || type === "E") return value.toExponential(precision ?? 6);
  if (type === "g" || type === "G") return String(Number(value.toPrecision(precision || 6)));
  if (type === "x") return Math.round(value).toString(16);
  if (type === "f" || type === "F") return grouped(value.toFixed(precision ?? 6), flags);
  return String(value);
}

function grouped(digits: string, flags: string): string {
  return /[,']/.test(flags) ? digits.replace(/\B(?=(\d{3})+(?!\d))/g, ",") : digits;
}

/** Digits after the point that a step needs. */
export function decimalsOf(step: number): number {
  const [, fraction = "", exponent = "0"] = /^-?\d*\.?(\d*)(?:e-(\d+))?$/.exec(String(step)) ?? [];
  return Math.min(20, fraction.length + Number(exponent));
}

export type TimeShape = "date" | "time" | "datetime";

const SHAPES: Record<TimeShape, Intl.DateTimeFormatOptions> = {
  date: { dateStyle: "medium" },
  time: { timeStyle: "short" },
  datetime: { dateStyle: "medium", timeStyle: "short" },
};
const formats = new Map<TimeShape, Intl.DateTimeFormat>();

/** Wall-clock milliseconds as the page's language writes them. */
export function formatTime(ms: number, shape: TimeShape): string {
  let format = formats.get(shape);
  if (!format) {
    format = new Intl.DateTimeFormat(pageLanguage(), { ...SHAPES[shape], timeZone: "UTC" });
    formats.set(shape, format);
  }
  return format.format(ms);
}

export function pageLanguage(): string | undefined {
  return document.documentElement.lang || undefined;
}

/** Wall-clock milliseconds by a moment pattern: YYYY YY MMMM MMM MM M DD D dddd ddd HH H hh h mm ss SSS A a. */
export function formatPattern(ms: number, pattern: string): string {
  const date = new Date(ms);
  const named = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(pageLanguage(), { ...options, timeZone: "UTC" }).format(date);
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = date.getUTCHours();
  const parts: Record<string, () => string> = {
    YYYY: () => String(date.getUTCFullYear()),
    YY: () => two(date.getUTCFullYear() % 100),
    MMMM: () => named({ month: "long" }),
    MMM: () => named({ month: "short" }),
    MM: () => two(date.getUTCMonth() + 1),
    M: () => String(date.getUTCMonth() + 1),
    DD: () => two(date.getUTCDate()),
    D: () => String(date.getUTCDate()),
    dddd: () => named({ weekday: "long" }),
    ddd: () => named({ weekday: "short" }),
    HH: () => two(hours),
    H: () => String(hours),
    hh: () => two(hours % 12 || 12),
    h: () => String(hours % 12 || 12),
    mm: () => two(date.getUTCMinutes()),
    ss: () => two(date.getUTCSeconds()),
    SSS: () => String(date.getUTCMilliseconds()).padStart(3, "0"),
    A: () => (hours < 12 ? "AM" : "PM"),
    a: () => (hours < 12 ? "am" : "pm"),
  };
  const token = /\[([^\]]*)\]|YYYY|YY|MMMM|MMM|MM|M|DD|D|dddd|ddd|HH|H|hh|h|mm|ss|SSS|A|a/g;
  return pattern.replace(token, (found, literal) => literal ?? parts[found]?.() ?? found);
}
