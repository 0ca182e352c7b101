// Values without the wire's wrapping, for elements that are not made with this client's own types.
import type { WidgetValue } from "../state/widget_values";
import type { PlainValue } from "../ui/view";

export function toPlain(value: WidgetValue | undefined): PlainValue {
  if (!value || value.$case === "none" || value.$case === "trigger") return null;
  return value.$case === "texts" || value.$case === "numbers" ? value.value.items : value.value;
}

export function fromPlain(value: PlainValue): WidgetValue {
  if (value === null) return { $case: "none", value: true };
  if (typeof value === "boolean") return { $case: "flag", value };
  if (typeof value === "number") return { $case: "number", value };
  if (typeof value === "string") return { $case: "text", value };
  const items = [...value];
  return items.every((item) => typeof item === "number")
    ? { $case: "numbers", value: { items: items as number[] } }
    : { $case: "texts", value: { items: items.map(String) } };
}
