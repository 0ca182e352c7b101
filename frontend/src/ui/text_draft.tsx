// Text that is being typed: sent by Enter or when the field is left, kept as a draft in a form.
import { t } from "../strings";
import type { Widget } from "./use_widget";

export interface TextDraft {
  text: string;
  dirty: boolean;
  type(text: string): void;
  commit(): void;
}

export function useTextDraft(widget: Widget, live: boolean): TextDraft {
  const { typed } = widget;
  const committed = widget.value?.$case === "text" ? widget.value.value : "";
  const text = typed ?? committed;
  return {
    text,
    dirty: text !== committed,
    type(next) {
      if (widget.form || live) widget.commit({ $case: "text", value: next }, true);
      else widget.type(next);
    },
    commit() {
      if (typed !== undefined && typed !== committed) widget.commit({ $case: "text", value: typed });
      widget.type(undefined);
      if (live) widget.settle();
    },
  };
}

/** How to send what is typed, or how much room is left: quiet, at the end of the label's line. */
export function TextHint({ draft, max, keys }: { draft: TextDraft; max: number; keys: string }) {
  const count = max && draft.text.length > max * 0.8 ? `${draft.text.length}/${max}` : "";
  if (!draft.dirty && !count) return null;
  return <span class="hint">{count || t("press_to_apply", { keys })}</span>;
}
