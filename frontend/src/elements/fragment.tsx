import { Children } from "../ui/children";
import type { View } from "../ui/view";

export function Fragment({ node }: View<object>) {
  return <Children node={node} />;
}
