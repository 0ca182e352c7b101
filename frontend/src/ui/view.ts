// What an element's file exports: a component of its node and its decoded properties.
import type { ComponentChild } from "preact";
import type { TreeNode } from "../tree/page_tree";

export interface View<M> {
  node: TreeNode;
  props: M;
}

export type Component<M> = (view: View<M>) => ComponentChild;

export interface Decoder<M> {
  decode(bytes: Uint8Array): M;
}

/** A value as a lazy element sees it: plain, without the wire's wrapping. */
export type PlainValue = null | boolean | number | string | readonly string[] | readonly number[];

export interface LazyView {
  id: string;
  props: unknown;
  value: PlainValue;
  disabled: boolean;
  send(value: PlainValue): void;
}

/** The default export of a file that is loaded on first use; any toolkit may make it. */
export interface LazyElement {
  decode(bytes: Uint8Array): unknown;
  css?: string;
  mount(host: HTMLElement, view: LazyView): { update(view: LazyView): void; destroy(): void };
}
