import type { Selectbox as Props } from "../protocol/dec/elements/selectbox";
import { Combobox } from "../ui/combobox";
import { Field } from "../ui/field";
import { useWidget } from "../ui/use_widget";
import type { View } from "../ui/view";

export function Selectbox({ node, props: { field, options, placeholder, clearable, acceptNewOptions } }: View<Props>) {
  const widget = useWidget(node, field);
  const chosen = widget.value?.$case === "text" ? [widget.value.value] : [];
  return (
    <Field field={field} id={widget.id}>
      <Combobox
        id={widget.id}
        field={field}
        options={options}
        chosen={chosen}
        placeholder={placeholder}
        clearable={clearable}
        acceptNew={acceptNewOptions}
        disabled={widget.disabled}
        onChange={([text]) =>
          widget.commit(text === undefined ? { $case: "none", value: true } : { $case: "text", value: text })
        }
      />
    </Field>
  );
}
