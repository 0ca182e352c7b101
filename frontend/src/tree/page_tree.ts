// The page tree as the browser shows it: plain data with one signal for each thing that may change on its own.
// Invariant: `nodes` holds exactly the nodes that are reachable from the roots, by their numbers.
import { batch, type Signal, signal } from "@preact/signals";
import type { Delta, Insert, Node, Set as SetDelta, Value } from "../protocol/dec/deltas";

/** A delta speaks of a node that is not here: only a snapshot helps. */
export class TreeMismatch extends Error {}

export class TreeNode {
  readonly props: Signal<Uint8Array>;
  readonly width: Signal<string>;
  readonly children: Signal<readonly TreeNode[]>;
  parent: TreeNode | undefined;

  constructor(
    readonly key: number,
    public number: number,
    readonly kind: string,
    readonly widgetId: string,
    props: Uint8Array,
    width: string,
  ) {
    this.props = signal(props);
    this.width = signal(width);
    this.children = signal([]);
  }
}

/** What the tree tells about widgets; their values live elsewhere. */
export interface WidgetListener {
  value(widgetId: string, value: Value | undefined, fromSnapshot: boolean): void;
  gone(widgetId: string): void;
}

export class PageTree {
  readonly roots: Signal<readonly TreeNode[]> = signal([]);
  readonly #nodes = new Map<number, TreeNode>();
  #keys = 0;

  constructor(private readonly listener: WidgetListener) {}

  /** The node with this number, if it is on the page. */
  find(number: number): TreeNode | undefined {
    return this.#nodes.get(number);
  }

  /** Applies the changes in their order. Throws TreeMismatch; what came before it stays applied. */
  applyDeltas(deltas: readonly Delta[]): void {
    const removed = new Map<string, TreeNode>();
    batch(() => {
      for (const { change } of deltas) {
        if (change?.$case === "set") this.#set(change.value);
        else if (change?.$case === "insert") this.#insert(change.value, removed);
        else if (change?.$case === "remove") this.#remove(change.value.node, removed);
      }
    });
    for (const id of removed.keys()) this.listener.gone(id);
  }

  /** Replaces the whole page; nodes that mean the same as before keep their identity, so they stay mounted. */
  applySnapshot(roots: readonly Node[]): void {
    batch(() => {
      const before = new Set([...this.#nodes.values()].map((node) => node.widgetId));
      this.#nodes.clear();
      this.roots.value = this.#reconcile(this.roots.peek(), roots, undefined);
      for (const node of this.#nodes.values()) before.delete(node.widgetId);
      for (const id of before) this.listener.gone(id);
    });
  }

  #set({ node: number, props, value, width }: SetDelta): void {
    const node = this.#require(number);
    if (props !== undefined) this.#takeProps(node, props);
    if (width !== undefined) node.width.value = width;
    if (value !== undefined && node.widgetId) this.listener.value(node.widgetId, value, false);
  }

  #insert({ parent: number, index, node }: Insert, removed: Map<string, TreeNode>): void {
    const parent = this.#require(number);
    if (!node || this.#nodes.has(node.number)) throw new TreeMismatch(`node ${node?.number} is already on the page`);
    const children = [...parent.children.peek()];
    if (index > children.length) throw new TreeMismatch(`no place ${index} in node ${number}`);
    const known = node.widgetId ? removed.get(node.widgetId) : undefined;
    const revived = known?.kind === node.kind && known.parent === parent ? known : undefined;
    children.splice(index, 0, this.#adopt(revived, node, parent, false));
    parent.children.value = children;
    this.#forgetRemoved(node, removed);
  }

  #forgetRemoved(node: Node, removed: Map<string, TreeNode>): void {
    if (node.widgetId) removed.delete(node.widgetId);
    for (const child of node.children) this.#forgetRemoved(child, removed);
  }

  #remove(number: number, removed: Map<string, TreeNode>): void {
    const node = this.#require(number);
    const parent = node.parent;
    if (!parent) throw new TreeMismatch(`node ${number} is a root`);
    parent.children.value = parent.children.peek().filter((child) => child !== node);
    this.#unregister(node, removed);
  }

  #unregister(node: TreeNode, removed: Map<string, TreeNode>): void {
    this.#nodes.delete(node.number);
    if (node.widgetId) removed.set(node.widgetId, node);
    for (const child of node.children.peek()) this.#unregister(child, removed);
  }

  #require(number: number): TreeNode {
    const node = this.#nodes.get(number);
    if (!node) throw new TreeMismatch(`node ${number} is not on the page`);
    return node;
  }

  #reconcile(old: readonly TreeNode[], wire: readonly Node[], parent: TreeNode | undefined): TreeNode[] {
    const partners = matchNodes(old, wire);
    return wire.map((node, index) => this.#adopt(partners[index], node, parent, true));
  }

  #adopt(known: TreeNode | undefined, wire: Node, parent: TreeNode | undefined, snapshot: boolean): TreeNode {
    const node =
      known ?? new TreeNode(++this.#keys, wire.number, wire.kind, wire.widgetId, wire.props.slice(), wire.width);
    node.number = wire.number;
    node.parent = parent;
    this.#nodes.set(wire.number, node);
    if (known) {
      this.#takeProps(known, wire.props);
      known.width.value = wire.width;
    }
    if (wire.widgetId) this.listener.value(wire.widgetId, wire.value, snapshot);
    const before = node.children.peek();
    const after = this.#reconcile(before, wire.children, node);
    if (after.length !== before.length || after.some((child, i) => child !== before[i])) node.children.value = after;
    return node;
  }

  // Equal bytes keep the old array: whoever decoded it need not do so again.
  #takeProps(node: TreeNode, props: Uint8Array): void {
    if (!sameBytes(node.props.peek(), props)) node.props.value = props.slice();
  }
}

/** For each wire node the old node it continues: by widget id, else by number, else the next of its kind. */
export function matchNodes(old: readonly TreeNode[], wire: readonly Node[]): (TreeNode | undefined)[] {
  const free = new Set(old);
  const take = (fits: (candidate: TreeNode) => boolean): TreeNode | undefined => {
    for (const candidate of free) {
      if (!fits(candidate)) continue;
      free.delete(candidate);
      return candidate;
    }
    return undefined;
  };
  const byWidget = new Map(old.filter((node) => node.widgetId).map((node) => [node.widgetId, node]));
  const byNumber = new Map(old.map((node) => [node.number, node]));
  const partners = wire.map((node) => {
    const found = node.widgetId ? byWidget.get(node.widgetId) : byNumber.get(node.number);
    return found && found.kind === node.kind && found.widgetId === node.widgetId && free.delete(found)
      ? found
      : undefined;
  });
  if (!free.size) return partners;
  return partners.map(
    (found, index) =>
      found ?? take((node) => !node.widgetId && !wire[index]?.widgetId && node.kind === wire[index]?.kind),
  );
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
