import type { TextArea as Props } from "../protocol/dec/elements/text_area";
import { Field, nameOf } from "../ui/field";
import { TextHint, useTextDraft } from "../ui/text_draft";
import { useWidget } from "../ui/use_widget";
import type { View } from "../ui/view";

export function TextArea({ node, props: { field, placeholder, maxChars, height } }: View<Props>) {
  const widget = useWidget(node, field);
  const draft = useTextDraft(widget, false);
  return (
    <Field field={field} id={widget.id} end={<TextHint draft={draft} max={maxChars} keys="Ctrl+Enter" />}>
      <div class="box" data-disabled={widget.disabled || undefined}>
        <textarea
          id={widget.id}
          {...nameOf(field)}
          rows={3}
          style={height ? { height: `${height}px` } : undefined}
          placeholder={placeholder || undefined}
          maxLength={maxChars || undefined}
          disabled={widget.disabled}
          value={draft.text}
          onInput={(event) => draft.type(event.currentTarget.value)}
          onBlur={draft.commit}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
            draft.commit();
            widget.enter();
          }}
        />
      </div>
    </Field>
  );
}
