// The one way from a widget's component to its value: reads it, changes it, keeps it in the form's draft.
import { useContext, useEffect, useState } from "preact/hooks";
import type { Field } from "../protocol/dec/deltas";
import { sameValue, type WidgetValue } from "../state/widget_values";
import type { TreeNode } from "../tree/page_tree";
import { FormContext, type FormScope, usePage } from "./context";

export interface Widget {
  readonly id: string; // for label and control
  readonly value: WidgetValue | undefined;
  readonly disabled: boolean;
  readonly form: FormScope | undefined;
  /** Text that is being typed; undefined = none. */
  readonly typed: string | undefined;
  type(text: string | undefined): void;
  /** The person's new value. `paced`: many a second, the newest counts. */
  commit(value: WidgetValue, paced?: boolean): void;
  /** Sends the newest value now if a paced one is still held back. */
  settle(): void;
  /** Enter was pressed in a field. */
  enter(): void;
}

/** `secret`: what is entered here is kept nowhere but on the page. */
export function useWidget(node: TreeNode, field: Field | undefined, secret = false): Widget {
  const page = usePage();
  const form = useContext(FormContext);
  const { widgetId } = node;
  const { values } = page;
  const [typed, setTyped] = useState(values.typed.get(widgetId));
  useEffect(() => form?.draft.addField(widgetId), [form, widgetId]);
  useEffect(() => () => void values.typed.delete(widgetId), [widgetId]);
  const value = values.of(widgetId).value;
  return {
    id: `w${node.key}`,
    value,
    disabled: page.readOnly.value || (field?.disabled ?? false),
    form,
    typed,
    type(text) {
      setTyped(text);
      if (text === undefined) values.typed.delete(widgetId);
      else if (!secret) values.typed.set(widgetId, text);
    },
    commit(next, paced = false) {
      if (form) values.setDraft(widgetId, next, secret);
      else if (!sameValue(next, values.of(widgetId).peek())) {
        values.setLocal(widgetId, next);
        page.events.putValue(widgetId, { kind: next }, paced);
      }
    },
    settle() {
      if (!form) page.events.release(widgetId);
    },
    enter() {
      if (form?.enterToSubmit) form.draft.submitByEnter();
    },
  };
}
