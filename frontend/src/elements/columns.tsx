import type { Columns as Props } from "../protocol/dec/elements/columns";
import { Children } from "../ui/children";
import type { View } from "../ui/view";

export function Columns({ node, props }: View<Props>) {
  return (
    <div class="columns" data-gap={props.gap || undefined} data-valign={props.verticalAlign || undefined}>
      <Children node={node} />
    </div>
  );
}
