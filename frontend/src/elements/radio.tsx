import { LabelVisibility } from "../protocol/dec/deltas";
import type { Radio as Props } from "../protocol/dec/elements/radio";
import { FieldLabel, Help } from "../ui/field";
import { Html } from "../ui/html";
import { useWidget } from "../ui/use_widget";
import type { View } from "../ui/view";

export function Radio({ node, props: { field, options, captions, horizontal } }: View<Props>) {
  const widget = useWidget(node, field);
  const chosen = widget.value?.$case === "text" ? widget.value.value : undefined;
  const visibility = field?.visibility ?? LabelVisibility.VISIBLE;
  return (
    <fieldset class="field radio" disabled={widget.disabled} aria-label={field?.label}>
      {visibility !== LabelVisibility.COLLAPSED ? (
        <legend class="label-line" data-hidden={visibility === LabelVisibility.HIDDEN || undefined}>
          <span class="label">
            <FieldLabel field={field} />
          </span>
          <Help html={field?.helpHtml} of={field?.label} />
        </legend>
      ) : null}
      <div class="choices" data-horizontal={horizontal || undefined}>
        {options.map((option, index) => (
          <label class="choice" key={option}>
            <input
              type="radio"
              class="dot"
              name={widget.id}
              checked={option === chosen}
              onChange={() => widget.commit({ $case: "text", value: option })}
            />
            <span>
              {option}
              {captions[index] ? <Html class="caption" html={captions[index]} /> : null}
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
