import type { Column as Props } from "../protocol/dec/elements/column";
import { Stack } from "../ui/children";
import type { View } from "../ui/view";

export function Column({ node, props: { weight, border } }: View<Props>) {
  return (
    <div class="column" data-border={border || undefined} style={{ flexGrow: String(weight || 1) }}>
      <Stack node={node} />
    </div>
  );
}
