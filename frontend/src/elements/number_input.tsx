import { useState } from "preact/hooks";
import type { NumberInput as Props } from "../protocol/dec/elements/number_input";
import { t } from "../strings";
import { Field, nameOf } from "../ui/field";
import { decimalsOf, printf } from "../ui/format";
import { Icon } from "../ui/icon";
import { useWidget } from "../ui/use_widget";
import type { View } from "../ui/view";

export function NumberInput({ node, props }: View<Props>) {
  const { field, min, max, integer, placeholder } = props;
  const widget = useWidget(node, field);
  const [typed, setTyped] = useState<string>();
  const current = widget.value?.$case === "number" ? widget.value.value : undefined;
  const step = props.step || (integer ? 1 : 0.01);
  const clamp = (value: number) =>
    Math.min(max ?? Number.POSITIVE_INFINITY, Math.max(min ?? Number.NEGATIVE_INFINITY, value));

  const commit = (value: number) => {
    const digits = Math.max(decimalsOf(step), decimalsOf(value));
    widget.commit({ $case: "number", value: clamp(integer ? Math.round(value) : Number(value.toFixed(digits))) });
    setTyped(undefined);
  };
  const takeTyped = () => {
    if (typed === undefined) return;
    const value = readNumber(typed);
    if (value !== undefined) commit(value);
    else {
      if (!typed.trim() && props.clearable) widget.commit({ $case: "none", value: true });
      setTyped(undefined);
    }
  };
  const move = (steps: number) => {
    const from = typed === undefined ? current : readNumber(typed);
    const start = from ?? min ?? 0;
    commit(
      from === undefined && min !== undefined ? start : Number((start + steps * step).toFixed(decimalsOf(step) + 6)),
    );
  };
  const stepButton = (icon: "minus" | "plus", direction: 1 | -1) => {
    const atEnd =
      current !== undefined &&
      (direction > 0 ? max !== undefined && current >= max : min !== undefined && current <= min);
    return (
      <button
        type="button"
        tabIndex={-1}
        aria-label={`${t(direction > 0 ? "increase" : "decrease")}: ${field?.label}`}
        disabled={widget.disabled || atEnd}
        onMouseDown={(event) => event.preventDefault()}
        onClick={() => move(direction)}
      >
        <Icon name={icon} />
      </button>
    );
  };
  return (
    <Field field={field} id={widget.id} class="number">
      <div class="box" data-disabled={widget.disabled || undefined}>
        <input
          id={widget.id}
          type="text"
          role="spinbutton"
          inputMode={integer && (min ?? -1) >= 0 ? "numeric" : "decimal"}
          autocomplete="off"
          {...nameOf(field)}
          aria-valuenow={current}
          aria-valuemin={min}
          aria-valuemax={max}
          placeholder={placeholder || undefined}
          disabled={widget.disabled}
          value={typed ?? (current === undefined ? "" : formatNumber(props, current))}
          onInput={(event) => setTyped(event.currentTarget.value)}
          onBlur={takeTyped}
          onKeyDown={(event) => {
            if (event.key === "ArrowUp" || event.key === "ArrowDown") {
              event.preventDefault();
              move(event.key === "ArrowUp" ? 1 : -1);
            } else if (event.key === "Enter" && !event.isComposing) {
              takeTyped();
              widget.enter();
            } else if (event.key === "Escape") setTyped(undefined);
          }}
        />
        {stepButton("minus", -1)}
        {stepButton("plus", 1)}
      </div>
    </Field>
  );
}

/** What a person typed, with a comma or a point; undefined = not a number. */
export function readNumber(typed: string): number | undefined {
  const plain = typed.replace(/[\s_'’]/g, "");
  const lastComma = plain.lastIndexOf(",");
  const lastPoint = plain.lastIndexOf(".");
  const decimalComma = lastComma > lastPoint && !(plain.split(",").length > 2 && lastPoint < 0);
  const normal = decimalComma ? plain.replace(/\./g, "").replace(",", ".") : plain.replace(/,/g, "");
  const value = Number(normal);
  return normal !== "" && Number.isFinite(value) ? value : undefined;
}

function formatNumber({ format, integer, step }: Props, value: number): string {
  if (format) return printf(format, value);
  return integer ? String(value) : value.toFixed(Math.max(decimalsOf(step || 0.01), Math.min(6, decimalsOf(value))));
}
