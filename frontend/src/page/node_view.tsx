// Draws one node of the tree: a basic kind by its component, any other by a file that is loaded on first use.
import type { ComponentChild } from "preact";
import { useMemo } from "preact/hooks";
import { decoders, elements, type Kind } from "../elements/index";
import { t } from "../strings";
import type { TreeNode } from "../tree/page_tree";
import type { NodeDrawing } from "../ui/context";
import type { Component } from "../ui/view";
import { LazyElement } from "./lazy_element";
import { moduleUrl } from "./page_settings";

const decoded = new WeakMap<Uint8Array, unknown>();

function isBasic(kind: string): kind is Kind {
  return Object.hasOwn(elements, kind);
}

function propsOf(node: TreeNode): unknown {
  const bytes = node.props.value;
  let props = decoded.get(bytes);
  if (!props && isBasic(node.kind)) {
    props = decoders[node.kind].decode(bytes);
    decoded.set(bytes, props);
  }
  return props;
}

function NodeView({ node }: { node: TreeNode }): ComponentChild {
  const { kind } = node;
  const width = node.width.value;
  const style = useMemo(() => (/^\d+$/.test(width) ? { width: `${width}px` } : undefined), [width]);
  if (!isBasic(kind)) {
    const url = moduleUrl(kind);
    return (
      <div class="node" data-kind={kind} data-width={width || undefined} style={style}>
        {url ? <LazyElement node={node} url={url} /> : <p class="alert warn">{t("unknown_kind", { kind })}</p>}
      </div>
    );
  }
  const Element = elements[kind] as Component<unknown>;
  const drawn = <Element node={node} props={propsOf(node)} />;
  if (["column", "tab", "empty", "fragment", "background"].includes(kind)) return drawn;
  return (
    <div class="node" data-kind={kind} data-width={width || undefined} style={style}>
      {drawn}
    </div>
  );
}

export const drawing: NodeDrawing = { Node: NodeView, propsOf };
