// Makes the wire's nodes and values for tests.
import type { Delta, Field, Node, Value } from "../src/protocol/dec/deltas";
import type { ServerMessage } from "../src/protocol/dec/messages";

export function node(number: number, parts: Partial<Node> = {}): Node {
  return {
    number,
    kind: "text",
    props: new Uint8Array(),
    value: undefined,
    widgetId: "",
    children: [],
    width: "",
    ...parts,
  };
}

export function text(value: string): Value {
  return { kind: { $case: "text", value } };
}

export function field(label: string, parts: Partial<Field> = {}): Field {
  return { label, labelHtml: "", helpHtml: "", disabled: false, visibility: 0, ...parts };
}

export const remove = (number: number): Delta => ({ change: { $case: "remove", value: { node: number } } });
export const insert = (parent: number, index: number, child: Node): Delta => ({
  change: { $case: "insert", value: { parent, index, node: child } },
});
export const set = (number: number, parts: { props?: Uint8Array; value?: Value; width?: string }): Delta => ({
  change: { $case: "set", value: { node: number, value: undefined, ...parts } },
});

export function serverMessage(parts: Partial<ServerMessage> = {}): ServerMessage {
  return {
    batch: 0,
    ackedSeq: 0,
    seenSeq: 0,
    welcome: undefined,
    snapshot: undefined,
    runStarted: undefined,
    deltas: [],
    runFinished: undefined,
    errors: [],
    sourceStatus: undefined,
    snapshotSaved: undefined,
    observers: undefined,
    pong: undefined,
    pageConfig: undefined,
    toasts: [],
    deflated: new Uint8Array(),
    ...parts,
  };
}
