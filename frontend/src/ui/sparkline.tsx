// A small chart without axes; decoration, the number beside it is the information.
const WIDTH = 200;
const HEIGHT = 36;
const EDGE = 2;

export function Sparkline({ values, type }: { values: readonly number[]; type: string }) {
  const min = Math.min(...values, ...(type === "bar" ? [0] : []));
  const max = Math.max(...values);
  const y = (value: number) => HEIGHT - EDGE - ((value - min) / (max - min || 1)) * (HEIGHT - 2 * EDGE);
  const x = (index: number) => (index / (values.length - 1)) * WIDTH;
  const line = values
    .map((value, index) => `${index ? "L" : "M"}${x(index).toFixed(1)} ${y(value).toFixed(1)}`)
    .join("");
  const slot = WIDTH / values.length;
  const bars = values
    .map(
      (value, i) => `M${(i * slot).toFixed(1)} ${HEIGHT}V${y(value).toFixed(1)}h${(slot * 0.7).toFixed(1)}V${HEIGHT}Z`,
    )
    .join("");
  return (
    <svg class="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      {type === "area" ? <path class="under" d={`${line}V${HEIGHT}H0Z`} /> : null}
      <path class={type === "bar" ? "bars" : "line"} d={type === "bar" ? bars : line} />
    </svg>
  );
}
