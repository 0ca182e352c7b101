import type { Multiselect as Props } from "../protocol/dec/elements/multiselect";
import { Combobox } from "../ui/combobox";
import { Field } from "../ui/field";
import { useWidget } from "../ui/use_widget";
import type { View } from "../ui/view";

export function Multiselect({
  node,
  props: { field, options, placeholder, maxSelections, acceptNewOptions },
}: View<Props>) {
  const widget = useWidget(node, field);
  const chosen = widget.value?.$case === "texts" ? widget.value.value.items : [];
  return (
    <Field field={field} id={widget.id}>
      <Combobox
        id={widget.id}
        field={field}
        options={options}
        chosen={chosen}
        multiple
        max={maxSelections}
        placeholder={placeholder}
        clearable
        acceptNew={acceptNewOptions}
        disabled={widget.disabled}
        onChange={(items) => widget.commit({ $case: "texts", value: { items } })}
      />
    </Field>
  );
}
