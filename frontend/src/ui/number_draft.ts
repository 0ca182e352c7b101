// A number that is being typed or stepped: read with comma or point, kept within its limits.
import type { NumberInput as Props } from "../protocol/dec/elements/number_input";
import { decimalsOf, printf } from "./format";
import type { Widget } from "./use_widget";

export interface NumberDraft {
  text: string;
  current: number | undefined;
  type(text: string | undefined): void;
  /** Takes what is typed; falls back to the last value where it is no number. */
  take(): void;
  move(steps: number): void;
}

const FLOAT_STEP = 0.01;

export function useNumberDraft(widget: Widget, props: Props): NumberDraft {
  const { min, max, integer, clearable } = props;
  const { typed } = widget;
  const current = widget.value?.$case === "number" ? widget.value.value : undefined;
  const step = props.step || (integer ? 1 : FLOAT_STEP);

  const commit = (value: number) => {
    const whole = integer ? Math.round(value) : value;
    const limited = Math.min(max ?? Number.POSITIVE_INFINITY, Math.max(min ?? Number.NEGATIVE_INFINITY, whole));
    widget.commit({ $case: "number", value: limited });
    widget.type(undefined);
  };
  return {
    current,
    text: typed ?? (current === undefined ? "" : formatNumber(props, current)),
    type: widget.type,
    take() {
      if (typed === undefined) return;
      const value = readNumber(typed);
      if (value !== undefined) commit(value);
      else if (!typed.trim() && clearable) widget.commit({ $case: "none", value: true });
      widget.type(undefined);
    },
    move(steps) {
      const from = typed === undefined ? current : readNumber(typed);
      if (from === undefined && min !== undefined) commit(min);
      // 0.1 + 0.2 shall be 0.3
      else commit(Number(((from ?? 0) + steps * step).toFixed(decimalsOf(step) + 6)));
    },
  };
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
  return integer
    ? String(value)
    : value.toFixed(Math.max(decimalsOf(step || FLOAT_STEP), Math.min(6, decimalsOf(value))));
}
