// Draws one element as the page would, with everything it sends recorded.
import { signal } from "@preact/signals";
import { render } from "@testing-library/preact";
import type { ComponentChildren } from "preact";
import type { ClientMessage } from "../src/protocol/dec/messages";
import { EventQueue } from "../src/state/event_queue";
import type { PageState } from "../src/state/page_state";
import { ViewMemory } from "../src/state/view_memory";
import { type WidgetValue, WidgetValues } from "../src/state/widget_values";
import { TreeNode } from "../src/tree/page_tree";
import { DrawingContext, type NodeDrawing, PageContext } from "../src/ui/context";
import type { Component } from "../src/ui/view";

export class TestPage implements PageState {
  sent: ClientMessage[] = [];
  readOnly = signal(false);
  memory = new ViewMemory("view", undefined);
  events = new EventQueue(
    (message) => this.sent.push(message) > 0,
    (callback) => callback(),
  );
  values = new WidgetValues((widgetId, seq) => this.events.hasYounger(widgetId, seq));

  filesOf = (widgetId: string) => ({ url: `/apps/page/files/session/${widgetId}/`, token: "token" });

  /** Every change sent so far: widget id and plain value. */
  get changes(): [string, unknown][] {
    return this.sent.flatMap(({ kind }) =>
      kind?.$case === "widgetEvents"
        ? kind.value.events.map(({ widgetId, value }): [string, unknown] => [widgetId, plain(value?.kind)])
        : [],
    );
  }

  show(children: ComponentChildren, drawing?: NodeDrawing) {
    return render(
      <PageContext.Provider value={this}>
        <DrawingContext.Provider value={drawing}>{children}</DrawingContext.Provider>
      </PageContext.Provider>,
    );
  }

  /** Draws an element as widget "w". */
  draw<M>(Element: Component<M>, props: M, value?: WidgetValue) {
    if (value) this.values.takeServer("w", { kind: value }, 0, false);
    return this.show(<Element node={makeNode("w")} props={props} />);
  }
}

let keys = 0;
export function makeNode(widgetId: string, children: TreeNode[] = []): TreeNode {
  keys++;
  const node = new TreeNode(keys, keys, "any", widgetId, new Uint8Array(), "");
  node.children.value = children;
  return node;
}

function plain(value: WidgetValue | undefined): unknown {
  if (value?.$case === "texts" || value?.$case === "numbers") return value.value.items;
  return value?.$case === "none" ? null : value?.value;
}
