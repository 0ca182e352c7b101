import type { Container as Props } from "../protocol/dec/elements/container";
import { Stack } from "../ui/children";
import type { View } from "../ui/view";

export function Container({ node, props }: View<Props>) {
  const { border, height, horizontal, gap, key, align, verticalAlign } = props;
  return (
    <div
      class="container"
      part={key ? `key-${key}` : undefined}
      data-border={border || undefined}
      data-horizontal={horizontal || undefined}
      data-align={align || undefined}
      data-valign={verticalAlign || undefined}
      data-scrolls={height ? true : undefined}
      style={height ? { height: `${height}px` } : undefined}
      {...(height ? { tabIndex: 0 } : {})}
    >
      <Stack node={node} gap={gap} />
    </div>
  );
}
