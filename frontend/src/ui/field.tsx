// The frame of a widget: its label, its help, its control.
import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { type Field as FieldMessage, LabelVisibility } from "../protocol/dec/deltas";
import { t } from "../strings";
import { Html, Label } from "./html";
import { usePopup } from "./popup";

interface Props {
  field: FieldMessage | undefined;
  id: string;
  class?: string;
  end?: ComponentChildren; // at the end of the label's line
  children: ComponentChildren;
}

export function Field({ field, id, class: name = "", end, children }: Props) {
  const visibility = field?.visibility ?? LabelVisibility.VISIBLE;
  return (
    <div class={`field ${name}`}>
      {visibility !== LabelVisibility.COLLAPSED && (field?.label || end) ? (
        <div class="label-line" data-hidden={visibility === LabelVisibility.HIDDEN || undefined}>
          <label class="label" for={id} id={`${id}l`}>
            <FieldLabel field={field} />
          </label>
          <Help html={field?.helpHtml} of={field?.label} />
          {end}
        </div>
      ) : null}
      {children}
    </div>
  );
}

export function FieldLabel({ field }: { field: FieldMessage | undefined }) {
  return <Label text={field?.label ?? ""} html={field?.labelHtml ?? ""} />;
}

/** The accessible name where no visible label gives it. */
export function nameOf(field: FieldMessage | undefined): { "aria-label"?: string } {
  return field && field.visibility !== LabelVisibility.VISIBLE ? { "aria-label": field.label } : {};
}

/** A small mark that explains on hover, focus or touch. */
export function Help({ html, of = "" }: { html: string | undefined; of?: string | undefined }) {
  const [open, setOpen] = useState(false);
  const anchor = useRef<HTMLButtonElement>(null);
  const popup = useRef<HTMLDivElement>(null);
  usePopup(open, anchor, popup);
  if (!html) return null;
  return (
    <>
      <button
        type="button"
        class="help"
        ref={anchor}
        aria-label={of ? `${t("help")}: ${of}` : t("help")}
        aria-expanded={open}
        onMouseEnter={() => setOpen(true)}
        onMouseLeave={() => setOpen(false)}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onKeyDown={(event) => event.key === "Escape" && setOpen(false)}
      >
        ?
      </button>
      <div popover="manual" class="tip" role="status" ref={popup}>
        {open ? <Html html={html} /> : null}
      </div>
    </>
  );
}
