import { effect } from "@preact/signals";
import { describe, expect, it, vi } from "vitest";
import { PageTree, TreeMismatch } from "../src/tree/page_tree";
import { insert, node, remove, set, text } from "./build_nodes";

function makeTree() {
  const listener = { value: vi.fn(), gone: vi.fn() };
  return { tree: new PageTree(listener), listener };
}
const numbers = (tree: PageTree, parent = 1) => tree.find(parent)?.children.value.map((child) => child.number);

describe("deltas", () => {
  it("inserts, changes and removes", () => {
    const { tree } = makeTree();
    tree.applySnapshot([node(1, { kind: "root", children: [node(3), node(4)] })]);
    tree.applyDeltas([insert(1, 0, node(5)), remove(4), set(3, { props: Uint8Array.of(9), width: "120" })]);
    expect(numbers(tree)).toEqual([5, 3]);
    expect([...(tree.find(3)?.props.value ?? [])]).toEqual([9]);
    expect(tree.find(3)?.width.value).toBe("120");
    expect(tree.find(4)).toBeUndefined();
  });

  it("leaves the nodes below an insertion as they are", () => {
    const { tree } = makeTree();
    tree.applySnapshot([node(1, { kind: "root", children: [node(3, { widgetId: "a" })] })]);
    const below = tree.find(3);
    tree.applyDeltas([insert(1, 0, node(5))]);
    expect(tree.find(1)?.children.value[1]).toBe(below);
  });

  it("keeps the array of equal bytes, so that they are not decoded again", () => {
    const { tree } = makeTree();
    tree.applySnapshot([node(1, { kind: "root", children: [node(3, { props: Uint8Array.of(1, 2) })] })]);
    const bytes = tree.find(3)?.props.value;
    const seen = vi.fn();
    effect(() => seen(tree.find(3)?.props.value));
    tree.applyDeltas([set(3, { props: Uint8Array.of(1, 2) })]);
    tree.applySnapshot([node(1, { kind: "root", children: [node(3, { props: Uint8Array.of(1, 2) })] })]);
    expect(tree.find(3)?.props.value).toBe(bytes);
    expect(seen).toHaveBeenCalledTimes(1);
  });

  it("tells of values and of widgets that are gone", () => {
    const { tree, listener } = makeTree();
    tree.applySnapshot([node(1, { kind: "root", children: [node(3, { widgetId: "a", value: text("x") })] })]);
    expect(listener.value).toHaveBeenCalledWith("a", text("x"), true);
    tree.applyDeltas([set(3, { value: text("y") })]);
    expect(listener.value).toHaveBeenLastCalledWith("a", text("y"), false);
    tree.applyDeltas([remove(3)]);
    expect(listener.gone).toHaveBeenCalledWith("a");
  });

  it("keeps a widget that is removed and inserted in one batch", () => {
    const { tree, listener } = makeTree();
    tree.applySnapshot([node(1, { kind: "root", children: [node(3, { widgetId: "a" }), node(4)] })]);
    const before = tree.find(3);
    tree.applyDeltas([remove(3), insert(1, 1, node(9, { widgetId: "a" }))]);
    expect(tree.find(9)).toBe(before);
    expect(listener.gone).not.toHaveBeenCalled();
  });

  it("refuses what does not fit", () => {
    const { tree } = makeTree();
    tree.applySnapshot([node(1, { kind: "root", children: [node(3)] })]);
    expect(() => tree.applyDeltas([set(8, {})])).toThrow(TreeMismatch);
    expect(() => tree.applyDeltas([insert(1, 5, node(9))])).toThrow(TreeMismatch);
    expect(() => tree.applyDeltas([insert(1, 0, node(3))])).toThrow(TreeMismatch);
  });
});

describe("snapshots", () => {
  it("keep nodes with the same widget id though their numbers changed", () => {
    const { tree } = makeTree();
    const column = (n: number, w: number) => node(n, { kind: "column", children: [node(w, { widgetId: "a" })] });
    tree.applySnapshot([node(1, { kind: "root", children: [node(5, { kind: "text" }), column(3, 4)] })]);
    const [before, widget] = [tree.find(3), tree.find(4)];
    tree.applySnapshot([node(1, { kind: "root", children: [column(30, 40)] })]);
    expect(tree.find(30)).toBe(before);
    expect(tree.find(40)).toBe(widget);
    expect(tree.find(4)).toBeUndefined();
  });

  it("do not mix kinds or widgets", () => {
    const { tree } = makeTree();
    tree.applySnapshot([node(1, { kind: "root", children: [node(3, { widgetId: "a" }), node(4)] })]);
    const [widget, plain] = [tree.find(3), tree.find(4)];
    tree.applySnapshot([
      node(1, { kind: "root", children: [node(3, { widgetId: "b" }), node(4, { kind: "divider" })] }),
    ]);
    expect(tree.find(3)).not.toBe(widget);
    expect(tree.find(4)).not.toBe(plain);
  });
});
