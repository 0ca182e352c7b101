// The children of a container, in a stack.
import type { TreeNode } from "../tree/page_tree";
import { useDrawing } from "./context";

const MANY = 80; // from here on the browser skips layout and paint of what is out of sight

export function Children({ node }: { node: TreeNode }) {
  const { Node } = useDrawing();
  return (
    <>
      {node.children.value.map((child) => (
        <Node key={child.key} node={child} />
      ))}
    </>
  );
}

interface StackProps {
  node: TreeNode;
  gap?: string;
  class?: string;
}

export function Stack({ node, gap = "", class: name = "" }: StackProps) {
  const many = node.children.value.length > MANY;
  return (
    <div class={`stack ${name}`} data-gap={gap || undefined} data-many={many || undefined}>
      <Children node={node} />
    </div>
  );
}
