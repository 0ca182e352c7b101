import { useState } from "preact/hooks";
import type { Tab } from "../protocol/dec/elements/tab";
import type { Tabs as Props } from "../protocol/dec/elements/tabs";
import type { TreeNode } from "../tree/page_tree";
import { useDrawing, usePage } from "../ui/context";
import { Label } from "../ui/html";
import type { View } from "../ui/view";

const idOf = (tab: TreeNode) => `t${tab.key}`;

export function Tabs({ node, props }: View<Props>) {
  const { Node } = useDrawing();
  const { memory } = usePage();
  const memoryKey = `tab:${node.number}`;
  const [selected, setSelected] = useState(memory.get(memoryKey) ?? props.selected);
  const tabs = node.children.value;
  const current = Math.min(selected, tabs.length - 1);
  const select = (index: number) => {
    setSelected(index);
    memory.set(memoryKey, index);
  };
  return (
    <div class="tabs">
      <TabBar tabs={tabs} current={current} select={select} />
      {tabs.map((tab, index) => (
        <div
          key={tab.key}
          class="tab-panel"
          role="tabpanel"
          id={`${idOf(tab)}p`}
          aria-labelledby={idOf(tab)}
          hidden={index !== current}
        >
          <Node node={tab} />
        </div>
      ))}
    </div>
  );
}

interface BarProps {
  tabs: readonly TreeNode[];
  current: number;
  select(index: number): void;
}

function TabBar({ tabs, current, select }: BarProps) {
  const { propsOf } = useDrawing();
  const keyDown = (event: KeyboardEvent & { currentTarget: HTMLElement }) => {
    const forward = getComputedStyle(event.currentTarget).direction === "rtl" ? -1 : 1;
    const targets: Record<string, number> = {
      ArrowRight: current + forward,
      ArrowLeft: current - forward,
      Home: 0,
      End: -1,
    };
    const target = targets[event.key];
    if (target === undefined) return;
    event.preventDefault();
    const index = (target + tabs.length) % tabs.length;
    select(index);
    (event.currentTarget.children[index] as HTMLElement | undefined)?.focus();
  };
  return (
    <div class="tab-bar" role="tablist" onKeyDown={keyDown}>
      {tabs.map((tab, index) => {
        const { label, labelHtml } = propsOf(tab) as Tab;
        return (
          <button
            key={tab.key}
            type="button"
            role="tab"
            id={idOf(tab)}
            aria-selected={index === current}
            aria-controls={`${idOf(tab)}p`}
            tabIndex={index === current ? 0 : -1}
            onClick={() => select(index)}
          >
            <Label text={label} html={labelHtml} />
          </button>
        );
      })}
    </div>
  );
}
