// What an element's file exports: a component of its node and its decoded properties.
import type { ComponentChild } from "preact";
import type { Field } from "../protocol/dec/deltas";
import type { FilesAddress } from "../state/page_state";
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
  /** Where files that belong to this widget are sent. */
  files(): FilesAddress;
  /** +1 while something is under way that belongs to the value, -1 when it is done: a form is not sent meanwhile. */
  busy(by: number): void;
}

/** The default export of a file that is loaded on first use; any toolkit may make it. */
export interface LazyElement {
  decode(bytes: Uint8Array): unknown;
  css?: string;
  /** For a widget: its label and help are drawn above it. What takes the focus has the view's id. */
  field?(props: unknown): Field | undefined;
  mount(host: HTMLElement, view: LazyView): { update(view: LazyView): void; destroy(): void };
}
