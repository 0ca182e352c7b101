import type { Markdown as Props } from "../protocol/dec/elements/markdown";
import { Help } from "../ui/field";
import { Html } from "../ui/html";
import type { View } from "../ui/view";

export function Markdown({ props }: View<Props>) {
  return (
    <div class={props.caption ? "prose caption" : "prose"} data-align={props.align || undefined}>
      <Html html={props.html} />
      <Help html={props.helpHtml} />
    </div>
  );
}
