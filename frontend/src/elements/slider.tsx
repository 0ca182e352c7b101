import { useRef } from "preact/hooks";
import { type Slider as Props, Slider_Type } from "../protocol/dec/elements/slider";
import { t } from "../strings";
import { Field, nameOf } from "../ui/field";
import { decimalsOf, formatPattern, formatTime, printf, type TimeShape } from "../ui/format";
import { useWidget, type Widget } from "../ui/use_widget";
import type { View } from "../ui/view";

const SHAPES: Partial<Record<Slider_Type, TimeShape>> = {
  [Slider_Type.DATE]: "date",
  [Slider_Type.TIME]: "time",
  [Slider_Type.DATETIME]: "datetime",
};

export function Slider({ node, props }: View<Props>) {
  const { field, min, max, range } = props;
  const widget = useWidget(node, field);
  const items = widget.value?.$case === "numbers" ? widget.value.value.items : [];
  const values = range ? [items[0] ?? min, items[1] ?? max] : [items[0] ?? min];
  const share = (value: number) => (max > min ? Math.min(1, Math.max(0, (value - min) / (max - min))) : 0);
  const change = (place: number, value: number) => {
    const next = values.map((old, index) => (index === place ? value : old));
    const [low = min, high = max] = next;
    // The ends of a range stop at each other.
    if (range && low > high) next[place] = place ? low : high;
    widget.commit({ $case: "numbers", value: { items: next } }, true);
    return next[place] ?? value;
  };
  const style = { "--start": range ? share(values[0] ?? min) : 0, "--end": share(values.at(-1) ?? min) };
  return (
    <Field field={field} id={widget.id} class="slider">
      <div class="track" style={style} data-disabled={widget.disabled || undefined}>
        {values.map((value, place) => (
          <Thumb
            key={place}
            props={props}
            widget={widget}
            place={place}
            value={value}
            onTop={range && place === 0 && share(value) > 0.5}
            change={(next) => change(place, next)}
          />
        ))}
        {values.map((value, place) => (
          <output key={place} class="bubble" aria-hidden="true" style={{ "--at": share(value) }}>
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

interface ThumbProps {
  props: Props;
  widget: Widget;
  place: number; // 0, or 1 for the upper end of a range
  value: number;
  onTop: boolean; // both thumbs at the right end: the lower one must be reachable
  change(value: number): number;
}

function Thumb({ props: { field, min, max, step, range, ...shape }, widget, place, value, onTop, change }: ThumbProps) {
  const keyDown = useRef(false);
  const letGo = () => {
    keyDown.current = false;
    widget.settle();
  };
  return (
    <input
      id={place ? undefined : widget.id}
      type="range"
      min={min}
      max={max}
      step={step || "any"}
      value={value}
      disabled={widget.disabled}
      aria-valuetext={formatValue({ step, ...shape }, value)}
      aria-label={range ? `${field?.label} (${t(place ? "to" : "from")})` : nameOf(field)["aria-label"]}
      data-top={onTop || undefined}
      onInput={({ currentTarget }) => {
        const taken = change(Number(currentTarget.value));
        if (Number(currentTarget.value) !== taken) currentTarget.value = String(taken);
      }}
      onChange={() => keyDown.current || widget.settle()}
      onKeyDown={() => {
        keyDown.current = true;
      }}
      onKeyUp={letGo}
      onBlur={letGo}
    />
  );
}

export function formatValue({ type, format, step }: Pick<Props, "type" | "format" | "step">, value: number): string {
  const shape = SHAPES[type];
  if (shape) return format ? formatPattern(value, format) : formatTime(value, shape);
  if (format) return printf(format, value);
  return type === Slider_Type.INT ? String(value) : value.toFixed(decimalsOf(step));
}
