// Writes src/elements/index.ts: the table from kind to component, one row for each proto/elements/<kind>.proto
// that has no file in src/lazy. A kind without a client file is then a TypeScript error.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const folder = join(here, "..", "proto", "elements");

const nameOf = (kind) => kind.replace(/(^|_)([a-z0-9])/g, (_, _bar, letter) => letter.toUpperCase());
const kinds = readdirSync(folder)
  .filter((file) => file.endsWith(".proto"))
  .map((file) => file.slice(0, -".proto".length))
  .sort();
const basic = kinds.filter((kind) => !existsSync(join(here, "src", "lazy", `${kind}.ts`)));

const lines = [
  "// Written by generate.mjs from proto/elements: change the .proto files and the element's own file instead.",
  'import type { Component, Decoder } from "../ui/view";',
  ...basic.map(
    (kind) => `import { ${nameOf(kind)} as ${nameOf(kind)}Message } from "../protocol/dec/elements/${kind}";`,
  ),
  ...basic.map((kind) => `import { ${nameOf(kind)} } from "./${kind}";`),
  "",
  "export interface Messages {",
  ...basic.map((kind) => `  ${kind}: ${nameOf(kind)}Message;`),
  "}",
  "export type Kind = keyof Messages;",
  "",
  "export const decoders: { [K in Kind]: Decoder<Messages[K]> } = {",
  ...basic.map((kind) => `  ${kind}: ${nameOf(kind)}Message,`),
  "};",
  "",
  "export const elements: { [K in Kind]: Component<Messages[K]> } = {",
  ...basic.map((kind) => `  ${kind}: ${nameOf(kind)},`),
  "};",
  "",
];
const target = join(here, "src", "elements", "index.ts");
const text = lines.join("\n");
if (!existsSync(target) || readFileSync(target, "utf8") !== text) {
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
}
