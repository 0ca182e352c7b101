// The one way from a widget's component to its value: reads it, changes it, keeps it in the form's draft.
import { useContext, useEffect } from "preact/hooks";
import type { Field } from "../protocol/dec/deltas";
import { sameValue, type WidgetValue } from "../state/widget_values";
import type { TreeNode } from "../tree/page_tree";
import { FormContext, type FormScope, usePage } from "./context";

export interface Widget {
  readonly id: string; // for label and control
  readonly value: WidgetValue | undefined;
  readonly disabled: boolean;
  readonly form: FormScope | undefined;
  /** The person's new value. `paced`: many a second, the newest counts. */
  commit(value: WidgetValue, paced?: boolean): void;
  /** Sends the newest value now if a paced one is still held back. */
  settle(): void;
  /** Enter was pressed in a field. */
  enter(): void;
}

export function useWidget(node: TreeNode, field: Field | undefined): Widget {
  const page = usePage();
  const form = useContext(FormContext);
  const { widgetId } = node;
  useEffect(() => form?.draft.addField(widgetId), [form, widgetId]);
  const value = page.values.of(widgetId).value;
  return {
    id: `w${node.key}`,
    value,
    disabled: page.readOnly.value || (field?.disabled ?? false),
    form,
    commit(next, paced = false) {
      if (form) page.values.setDraft(widgetId, next);
      else if (!sameValue(next, page.values.of(widgetId).peek())) {
        page.values.setLocal(widgetId, next);
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
