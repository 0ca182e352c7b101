// A part that folds away: <details> whose state this browser tab remembers.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { TreeNode } from "../tree/page_tree";
import { usePage } from "./context";
import { Icon } from "./icon";

interface Props {
  node: TreeNode;
  open: boolean; // what the script says; a change of it has precedence over what is remembered
  summary: ComponentChildren;
  class?: string;
  children: ComponentChildren;
}

export function Disclosure({ node, open: wanted, summary, class: name = "", children }: Props) {
  const { memory } = usePage();
  const key = `open:${node.number}`;
  const remembered = memory.get(key); // 0 or 1 for the state, + 2 where the script wanted it open
  const valid = remembered !== undefined && remembered >> 1 === Number(wanted);
  const [open, setOpen] = useState(valid ? (remembered & 1) === 1 : wanted);
  const [lastWanted, setLastWanted] = useState(wanted);
  if (wanted !== lastWanted) {
    setLastWanted(wanted);
    setOpen(wanted);
  }
  useEffect(() => {
    if (open !== wanted || remembered !== undefined) memory.set(key, Number(open) + 2 * Number(wanted));
  }, [open, wanted]);
  return (
    <details class={`disclosure ${name}`} open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <Icon name="chevron" class="fold" />
        <span class="summary">{summary}</span>
      </summary>
      <div class="disclosed">{children}</div>
    </details>
  );
}
