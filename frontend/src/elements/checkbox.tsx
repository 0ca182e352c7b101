import { LabelVisibility } from "../protocol/dec/deltas";
import type { Checkbox as Props } from "../protocol/dec/elements/checkbox";
import { FieldLabel, Help, nameOf } from "../ui/field";
import { useWidget } from "../ui/use_widget";
import type { View } from "../ui/view";

export function Checkbox({ node, props: { field, toggle } }: View<Props>) {
  const widget = useWidget(node, field);
  const visibility = field?.visibility ?? LabelVisibility.VISIBLE;
  return (
    <div class="choice-line">
      <label class="choice">
        <input
          type="checkbox"
          role={toggle ? "switch" : undefined}
          class={toggle ? "switch" : "check"}
          checked={widget.value?.$case === "flag" && widget.value.value}
          disabled={widget.disabled}
          {...nameOf(field)}
          onChange={(event) => widget.commit({ $case: "flag", value: event.currentTarget.checked })}
        />
        {visibility !== LabelVisibility.COLLAPSED ? (
          <span data-hidden={visibility === LabelVisibility.HIDDEN || undefined}>
            <FieldLabel field={field} />
          </span>
        ) : null}
      </label>
      <Help html={field?.helpHtml} of={field?.label} />
    </div>
  );
}
