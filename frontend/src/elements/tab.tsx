import { Stack } from "../ui/children";
import type { View } from "../ui/view";

export function Tab({ node }: View<object>) {
  return <Stack node={node} />;
}
