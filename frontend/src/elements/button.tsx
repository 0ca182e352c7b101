import { useContext, useEffect, useRef } from "preact/hooks";
import type { Button as Props } from "../protocol/dec/elements/button";
import { FormContext, usePage } from "../ui/context";
import { FieldLabel, Help } from "../ui/field";
import { ScriptIcon } from "../ui/icon";
import { useWidget } from "../ui/use_widget";
import type { View } from "../ui/view";

export function Button({ node, props }: View<Props>) {
  const { field, icon } = props;
  const page = usePage();
  const form = useContext(FormContext);
  const widget = useWidget(node, field);
  const disabled = widget.disabled || (props.submit && !!form?.draft.pending.value);
  const enabled = useRef(true);
  enabled.current = !disabled;
  useEffect(
    () => (props.submit ? form?.draft.addSubmitter(node.widgetId, () => enabled.current) : undefined),
    [form, props.submit, node.widgetId],
  );
  const click = () => {
    if (props.submit && form) form.draft.submit(node.widgetId);
    else page.events.putWidgets([{ widgetId: node.widgetId, value: { kind: { $case: "trigger", value: true } } }]);
  };
  return (
    <div class="button-line">
      <button type="button" class={`button ${props.style || "secondary"}`} disabled={disabled} onClick={click}>
        <ScriptIcon icon={icon} />
        <FieldLabel field={field} />
      </button>
      <Help html={field?.helpHtml} of={field?.label} />
    </div>
  );
}
