/// <reference types="vite/client" />
// The table-driven codec against the functions that protoc's plugin generates for the same messages.
import { describe, expect, it } from "vitest";
import * as dec from "../src/protocol/dec/messages";
import * as enc from "../src/protocol/enc/messages";
import * as schema from "../src/protocol/schema";
import { ClientMessage, Node, Numbers, ServerMessage, Value } from "../src/protocol/schema";
import { node, serverMessage, set } from "./build_nodes";

const decoded = import.meta.glob<Record<string, { decode?(bytes: Uint8Array): unknown }>>(
  "../src/protocol/dec/**/*.ts",
  { eager: true },
);
const encoded = import.meta.glob<Record<string, { encode?(value: unknown): { finish(): Uint8Array } }>>(
  "../src/protocol/enc/**/*.ts",
  { eager: true },
);

/** Fills a message's empty form with values that differ from the defaults. */
function filled(empty: unknown, seed: number): unknown {
  if (typeof empty === "number") return seed + 1;
  if (typeof empty === "string") return `text ${seed} é`;
  if (typeof empty === "boolean") return true;
  if (empty instanceof Uint8Array) return Uint8Array.of(seed & 255, 0, 255);
  return empty;
}

describe("every message of the schema", () => {
  for (const [path, module] of Object.entries(decoded)) {
    const writers = encoded[path.replace("/dec/", "/enc/")] ?? {};
    for (const [name, reader] of Object.entries(module)) {
      const writer = writers[name];
      if (!reader.decode || !writer?.encode) continue;
      it(`${name} reads like the generated function`, () => {
        const empty = reader.decode?.(new Uint8Array()) as Record<string, unknown>;
        const message = Object.fromEntries(Object.entries(empty).map(([key, value], i) => [key, filled(value, i)]));
        const bytes = writer.encode?.(message).finish() ?? new Uint8Array();
        const ours = (schema as unknown as Record<string, { decode(bytes: Uint8Array): unknown }>)[name];
        expect(ours?.decode(new Uint8Array())).toEqual(empty);
        expect(ours?.decode(bytes)).toEqual(reader.decode?.(bytes));
      });
    }
  }
});

describe("wire", () => {
  it("reads a whole server message", () => {
    const message = serverMessage({
      batch: 3,
      ackedSeq: 4_000_000_000,
      deltas: [
        set(7, { props: Uint8Array.of(1, 2), width: "stretch" }),
        set(8, { value: { kind: { $case: "numbers", value: { items: [1.5, -2] } } } }),
      ],
      snapshot: {
        roots: [node(1, { children: [node(4, { widgetId: "a", value: { kind: { $case: "flag", value: false } } })] })],
        pageConfig: undefined,
        runId: "r",
        running: true,
      },
    });
    const bytes = enc.ServerMessage.encode(message).finish();
    expect(ServerMessage.decode(bytes)).toEqual(dec.ServerMessage.decode(bytes));
  });

  it("writes what the generated function reads", () => {
    const events = [
      { widgetId: "a", value: { kind: { $case: "flag" as const, value: false } } },
      { widgetId: "b", value: { kind: { $case: "numbers" as const, value: { items: [1, 2.5] } } } },
      { widgetId: "c", value: { kind: { $case: "texts" as const, value: { items: ["x", "é"] } } } },
    ];
    const message = { seq: 300, kind: { $case: "widgetEvents" as const, value: { events } } };
    expect(dec.ClientMessage.decode(ClientMessage.encode(message))).toEqual(message);
  });

  it("ignores fields it does not know", () => {
    const bytes = Uint8Array.of(0x08, 5, 0xfa, 0x3e, 2, 9, 9, 0x12, 1, 0x61);
    expect(Node.decode(bytes)).toMatchObject({ number: 5, kind: "a" });
  });

  it("refuses bytes that end too early", () => {
    expect(() => Node.decode(Uint8Array.of(0x12, 9, 1))).toThrow(RangeError);
    expect(() => Value.decode(Uint8Array.of(0x19, 1, 2))).toThrow(RangeError);
    expect(() => Node.decode(Uint8Array.of(0x08, 0x80))).toThrow(RangeError);
  });

  it("reads numbers whether packed or not", () => {
    const one = new Uint8Array(new Float64Array([2.5]).buffer);
    expect(Numbers.decode(Uint8Array.of(0x09, ...one, 0x0a, 8, ...one)).items).toEqual([2.5, 2.5]);
  });
});
