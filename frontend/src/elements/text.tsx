import type { Text as Props } from "../protocol/dec/elements/text";
import { Help } from "../ui/field";
import type { View } from "../ui/view";

export function Text({ props }: View<Props>) {
  return (
    <div class="plain-text">
      {props.body}
      <Help html={props.helpHtml} />
    </div>
  );
}
