import type { Status as Props } from "../protocol/dec/elements/status";
import { Stack } from "../ui/children";
import { Disclosure } from "../ui/disclosure";
import { Label } from "../ui/html";
import { Icon } from "../ui/icon";
import type { View } from "../ui/view";

export function Status({ node, props: { label, labelHtml, state, expanded } }: View<Props>) {
  const summary = (
    <>
      {state === "running" ? (
        <span class="spin" aria-hidden="true" />
      ) : (
        <Icon name={state === "error" ? "alert" : "check"} class={state} />
      )}
      <span role="status">
        <Label text={label} html={labelHtml} />
      </span>
    </>
  );
  return (
    <Disclosure node={node} open={expanded} class="status" summary={summary}>
      <Stack node={node} gap="small" />
    </Disclosure>
  );
}
