import { useMemo } from "preact/hooks";
import type { Form as Props } from "../protocol/dec/elements/form";
import { FormDraft } from "../state/form_draft";
import { Stack } from "../ui/children";
import { FormContext, usePage } from "../ui/context";
import type { View } from "../ui/view";

export function Form({ node, props: { formId, border, enterToSubmit } }: View<Props>) {
  const { values, events } = usePage();
  const draft = useMemo(() => new FormDraft(values, events), [values, events]);
  const scope = useMemo(() => ({ draft, enterToSubmit }), [draft, enterToSubmit]);
  return (
    <FormContext.Provider value={scope}>
      {/* biome-ignore lint/a11y/useSemanticElements: a <form> would submit the page by itself */}
      <div class="form" role="group" aria-label={formId || undefined} data-border={border || undefined}>
        <Stack node={node} />
      </div>
    </FormContext.Provider>
  );
}
