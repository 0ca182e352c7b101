import { useMemo } from "preact/hooks";
import type { Form as Props } from "../protocol/dec/elements/form";
import { FormDraft } from "../state/form_draft";
import { Stack } from "../ui/children";
import { FormContext, usePage } from "../ui/context";
import type { View } from "../ui/view";

export function Form({ node, props: { border, enterToSubmit } }: View<Props>) {
  const { values, events } = usePage();
  const draft = useMemo(() => new FormDraft(values, events), [values, events]);
  const scope = useMemo(() => ({ draft, enterToSubmit }), [draft, enterToSubmit]);
  return (
    <FormContext.Provider value={scope}>
      <div class="form" data-border={border || undefined}>
        <Stack node={node} />
      </div>
    </FormContext.Provider>
  );
}
