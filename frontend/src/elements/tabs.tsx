import { useState } from "preact/hooks";
import type { Tab } from "../protocol/dec/elements/tab";
import type { Tabs as Props } from "../protocol/dec/elements/tabs";
import type { TreeNode } from "../tree/page_tree";
import { useDrawing, usePage } from "../ui/context";
import { Label } from "../ui/html";
import type { View } from "../ui/view";

export function Tabs({ node, props }: View<Props>) {
  const { propsOf, Node } = useDrawing();
  const { memory } = usePage();
  const memoryKey = `tab:${node.number}`;
  const [selected, setSelected] = useState(memory.get(memoryKey) ?? props.selected);
  const tabs = node.children.value;
  const current = Math.min(selected, tabs.length - 1);
  const select = (index: number, bar: HTMLElement) => {
    setSelected(index);
    memory.set(memoryKey, index);
    (bar.children[index] as HTMLElement | undefined)?.focus();
  };
  const keyDown = (event: KeyboardEvent & { currentTarget: HTMLElement }) => {
    const forward = getComputedStyle(event.currentTarget).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
    const moves: Record<string, number> = {
      ArrowRight: forward === "ArrowRight" ? current + 1 : current - 1,
      ArrowLeft: forward === "ArrowLeft" ? current + 1 : current - 1,
      Home: 0,
      End: tabs.length - 1,
    };
    const target = moves[event.key];
    if (target === undefined) return;
    event.preventDefault();
    select((target + tabs.length) % tabs.length, event.currentTarget);
  };
  const id = (tab: TreeNode) => `t${tab.key}`;
  return (
    <div class="tabs">
      <div class="tab-bar" role="tablist" onKeyDown={keyDown}>
        {tabs.map((tab, index) => {
          const { label, labelHtml } = propsOf(tab) as Tab;
          return (
            <button
              key={tab.key}
              type="button"
              role="tab"
              id={id(tab)}
              aria-selected={index === current}
              aria-controls={`${id(tab)}p`}
              tabIndex={index === current ? 0 : -1}
              onClick={(event) => select(index, event.currentTarget.parentElement as HTMLElement)}
            >
              <Label text={label} html={labelHtml} />
            </button>
          );
        })}
      </div>
      {tabs.map((tab, index) => (
        <div
          key={tab.key}
          class="tab-panel"
          role="tabpanel"
          id={`${id(tab)}p`}
          aria-labelledby={id(tab)}
          hidden={index !== current}
        >
          <Node node={tab} />
        </div>
      ))}
    </div>
  );
}
