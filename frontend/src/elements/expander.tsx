import type { Expander as Props } from "../protocol/dec/elements/expander";
import { Stack } from "../ui/children";
import { Disclosure } from "../ui/disclosure";
import { Label } from "../ui/html";
import { ScriptIcon } from "../ui/icon";
import type { View } from "../ui/view";

export function Expander({ node, props: { label, labelHtml, expanded, icon } }: View<Props>) {
  const summary = (
    <>
      <ScriptIcon icon={icon} />
      <Label text={label} html={labelHtml} />
    </>
  );
  return (
    <Disclosure node={node} open={expanded} summary={summary}>
      <Stack node={node} />
    </Disclosure>
  );
}
