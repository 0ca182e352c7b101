import { useState } from "preact/hooks";
import type { TextInput as Props } from "../protocol/dec/elements/text_input";
import { t } from "../strings";
import { Field, nameOf } from "../ui/field";
import { Icon } from "../ui/icon";
import { TextHint, useTextDraft } from "../ui/text_draft";
import { useWidget } from "../ui/use_widget";
import type { View } from "../ui/view";

export function TextInput({ node, props }: View<Props>) {
  const { field, placeholder, maxChars, password, autocomplete, live } = props;
  const widget = useWidget(node, field, password);
  const draft = useTextDraft(widget, live);
  const [shown, setShown] = useState(false);
  return (
    <Field field={field} id={widget.id} end={<TextHint draft={draft} max={maxChars} keys="Enter" />}>
      <div class="box" data-disabled={widget.disabled || undefined}>
        <input
          id={widget.id}
          type={(password && !shown ? "password" : "text") as "text"}
          {...nameOf(field)}
          placeholder={placeholder || undefined}
          maxLength={maxChars || undefined}
          autocomplete={(autocomplete || (password ? "new-password" : "off")) as "off"}
          disabled={widget.disabled}
          value={draft.text}
          onInput={(event) => draft.type(event.currentTarget.value)}
          onBlur={draft.commit}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.isComposing) return;
            draft.commit();
            widget.enter();
          }}
        />
        {password ? (
          <button
            type="button"
            aria-label={t(shown ? "hide_password" : "show_password")}
            aria-pressed={shown}
            onClick={() => setShown(!shown)}
          >
            <Icon name="eye" />
          </button>
        ) : null}
      </div>
    </Field>
  );
}
