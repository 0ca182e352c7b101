// The contexts that reach every element: the page, the form it stands in, and how nodes are drawn.
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { FormDraft } from "../state/form_draft";
import type { PageState } from "../state/page_state";
import type { TreeNode } from "../tree/page_tree";
import type { Component } from "./view";

export interface FormScope {
  draft: FormDraft;
  enterToSubmit: boolean;
}

export interface NodeDrawing {
  Node: (props: { node: TreeNode }) => ReturnType<Component<unknown>>;
  /** The node's decoded properties; decoded once per bytes. */
  propsOf: (node: TreeNode) => unknown;
}

export const PageContext = createContext<PageState | undefined>(undefined);
export const FormContext = createContext<FormScope | undefined>(undefined);
export const DrawingContext = createContext<NodeDrawing | undefined>(undefined);

export function usePage(): PageState {
  return present(useContext(PageContext));
}

export function useDrawing(): NodeDrawing {
  return present(useContext(DrawingContext));
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("an element is drawn outside a page");
  return value;
}
