import { useRef } from "preact/hooks";
import { type Slider as Props, Slider_Type } from "../protocol/dec/elements/slider";
import { t } from "../strings";
import { Field, nameOf } from "../ui/field";
import { decimalsOf, formatPattern, formatTime, printf, type TimeShape } from "../ui/format";
import { useWidget } from "../ui/use_widget";
import type { View } from "../ui/view";

const SHAPES: Partial<Record<Slider_Type, TimeShape>> = {
  [Slider_Type.DATE]: "date",
  [Slider_Type.TIME]: "time",
  [Slider_Type.DATETIME]: "datetime",
};

export function Slider({ node, props }: View<Props>) {
  const { field, min, max, step, range } = props;
  const widget = useWidget(node, field);
  const keyDown = useRef(false);
  const items = widget.value?.$case === "numbers" ? widget.value.value.items : [];
  const values = range ? [items[0] ?? min, items[1] ?? max] : [items[0] ?? min];
  const share = (value: number) => (max > min ? Math.min(1, Math.max(0, (value - min) / (max - min))) : 0);

  const change = (index: number, input: HTMLInputElement) => {
    const next = [...values];
    next[index] = Number(input.value);
    if (range && index === 0) next[0] = Math.min(next[0] ?? min, next[1] ?? max);
    if (range && index === 1) next[1] = Math.max(next[0] ?? min, next[1] ?? max);
    if (input.valueAsNumber !== next[index]) input.value = String(next[index]);
    widget.commit({ $case: "numbers", value: { items: next } }, true);
  };
  const thumb = (value: number, index: number) => (
    <input
      key={index}
      id={index ? undefined : widget.id}
      type="range"
      min={min}
      max={max}
      step={step || "any"}
      value={value}
      disabled={widget.disabled}
      aria-valuetext={formatValue(props, value)}
      aria-label={range ? `${field?.label} (${t(index ? "to" : "from")})` : nameOf(field)["aria-label"]}
      data-top={range && index === 0 && share(value) > 0.5 ? true : undefined}
      onInput={(event) => change(index, event.currentTarget)}
      onChange={() => keyDown.current || widget.settle()}
      onKeyDown={() => {
        keyDown.current = true;
      }}
      onKeyUp={() => {
        keyDown.current = false;
        widget.settle();
      }}
      onBlur={() => {
        keyDown.current = false;
        widget.settle();
      }}
    />
  );
  const start = range ? share(values[0] ?? min) : 0;
  const end = share(values[values.length - 1] ?? min);
  return (
    <Field field={field} id={widget.id} class="slider">
      <div class="track" style={{ "--start": start, "--end": end }} data-disabled={widget.disabled || undefined}>
        {values.map(thumb)}
        {values.map((value, index) => (
          <output key={index} class="bubble" aria-hidden="true" style={{ "--at": share(value) }}>
            {formatValue(props, value)}
          </output>
        ))}
      </div>
      <div class="ends" aria-hidden="true">
        <span>{formatValue(props, min)}</span>
        <span>{formatValue(props, max)}</span>
      </div>
    </Field>
  );
}

export function formatValue({ type, format, step }: Props, value: number): string {
  const shape = SHAPES[type];
  if (shape) return format ? formatPattern(value, format) : formatTime(value, shape);
  if (format) return printf(format, value);
  return type === Slider_Type.INT ? String(value) : value.toFixed(decimalsOf(step));
}
