// Numbers to pixels, and the round values at which axes are labelled.
export interface Tick {
  value: number;
  label: string;
}

/** Round values that cover [min, max] with about `count` steps; the first and last may lie outside. */
export function niceTicks(min: number, max: number, count: number): number[] {
  const span = max - min || Math.abs(max) || 1;
  const rough = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.floor(min / step + 1e-9);
  const last = Math.ceil(max / step - 1e-9);
  return Array.from({ length: Math.max(1, last - first) + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

export function numberFormat(language: string | undefined, ticks: readonly number[]): Intl.NumberFormat {
  const largest = Math.max(...ticks.map(Math.abs));
  return new Intl.NumberFormat(language, {
    maximumFractionDigits: 6,
    ...(largest >= 1e5 ? { notation: "compact" } : {}),
  });
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEPS = [1, 5, 15, 30]
  .map((n) => n * SECOND)
  .concat(
    [1, 5, 15, 30].map((n) => n * MINUTE),
    [1, 3, 6, 12].map((n) => n * HOUR),
    [1, 2, 7, 14].map((n) => n * DAY),
  );
const MONTHS = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200];

/** Wall-clock times at which a time axis is labelled, at most `count` of them. */
export function timeTicks(min: number, max: number, count: number, language: string | undefined): Tick[] {
  const span = max - min;
  const step = STEPS.find((candidate) => span / candidate <= count);
  if (step) {
    const options: Intl.DateTimeFormatOptions =
      step >= DAY
        ? { day: "numeric", month: "short" }
        : { hour: "numeric", minute: "2-digit", ...(step < MINUTE ? { second: "2-digit" } : {}) };
    const format = new Intl.DateTimeFormat(language, { ...options, timeZone: "UTC" });
    const first = Math.ceil(min / step) * step;
    return Array.from({ length: Math.floor((max - first) / step) + 1 }, (_, i) => {
      const value = first + i * step;
      return { value, label: format.format(value) };
    });
  }
  const months = MONTHS.find((candidate) => span / (candidate * 30.4 * DAY) <= count) ?? 1200;
  const format = new Intl.DateTimeFormat(
    language,
    months >= 12 ? { year: "numeric", timeZone: "UTC" } : { month: "short", year: "2-digit", timeZone: "UTC" },
  );
  const ticks: Tick[] = [];
  const start = new Date(min);
  let month = Math.ceil((start.getUTCFullYear() * 12 + start.getUTCMonth()) / months) * months;
  for (;;) {
    const value = Date.UTC(Math.floor(month / 12), month % 12);
    if (value > max) return ticks;
    if (value >= min) ticks.push({ value, label: format.format(value) });
    month += months;
  }
}
