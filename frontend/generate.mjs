// Writes two files from proto/:
//   src/elements/index.ts   the table from kind to component, one row for each proto/elements/<kind>.proto that has
//                           no file in src/lazy: a kind without a client file is then a TypeScript error
//   src/protocol/schema.ts  the fields of every message, one line each, for src/protocol/wire.ts
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const proto = join(here, "..", "proto");
const folder = join(proto, "elements");

const nameOf = (kind) => kind.replace(/(^|_)([a-z0-9])/g, (_, _bar, letter) => letter.toUpperCase());
const kinds = readdirSync(folder)
  .filter((file) => file.endsWith(".proto"))
  .map((file) => file.slice(0, -".proto".length))
  .sort();
const basic = kinds.filter((kind) => !existsSync(join(here, "src", "lazy", `${kind}.ts`)));

const table = [
  "// Written by generate.mjs from proto/elements: change the .proto files and the element's own file instead.",
  'import type { Component, Decoder } from "../ui/view";',
  ...basic.map(
    (kind) => `import type { ${nameOf(kind)} as ${nameOf(kind)}Message } from "../protocol/dec/elements/${kind}";`,
  ),
  `import { ${basic.map((kind) => `${nameOf(kind)} as ${nameOf(kind)}Schema`).join(", ")} } from "../protocol/schema";`,
  ...basic.map((kind) => `import { ${nameOf(kind)} } from "./${kind}";`),
  "",
  "export interface Messages {",
  ...basic.map((kind) => `  ${kind}: ${nameOf(kind)}Message;`),
  "}",
  "export type Kind = keyof Messages;",
  "",
  "export const decoders: { [K in Kind]: Decoder<Messages[K]> } = {",
  ...basic.map((kind) => `  ${kind}: ${nameOf(kind)}Schema,`),
  "};",
  "",
  "export const elements: { [K in Kind]: Component<Messages[K]> } = {",
  ...basic.map((kind) => `  ${kind}: ${nameOf(kind)},`),
  "};",
  "",
];
write("src/elements/index.ts", table);

const SCALARS = { uint32: "u", sint32: "s", bool: "b", double: "d", string: "t", bytes: "y" };

/** The messages and enums of one .proto file, nested ones as Outer_Inner, in the order of their ends. */
function readProto(text) {
  const messages = [];
  const enums = new Set();
  const open = []; // blocks around the current line: message, enum or oneof
  for (const line of text.replace(/\/\/.*$/gm, "").split("\n")) {
    const block = /^\s*(message|enum|oneof) (\w+) \{(\s*\})?/.exec(line);
    const field = /^\s*(repeated |optional )?([\w.]+) (\w+) = (\d+);/.exec(line);
    const outer = open.filter(({ type }) => type === "message");
    if (block) {
      const [, type, name, closed] = block;
      const full = type === "oneof" ? name : [...outer.map((b) => b.short), name].join("_");
      const entry = { type, short: name, name: full, fields: [] };
      if (type === "message") messages.push(entry);
      if (type === "enum") enums.add(full);
      if (!closed) open.push(entry);
    } else if (/^\s*\}/.test(line)) open.pop();
    else if (field && open.at(-1)?.type !== "enum") {
      const [, label = "", type, name, number] = field;
      const group = open.at(-1).type === "oneof" ? open.at(-1).name : "";
      outer.at(-1).fields.push({ label: label.trim(), type: type.replace(".", "_"), name, number, group });
    }
  }
  return { messages, enums };
}

const camel = (name) => name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());
const files = ["deltas", "messages", ...kinds.map((kind) => `elements/${kind}`)];
const parsed = files.map((file) => ({ file, ...readProto(readFileSync(join(proto, `${file}.proto`), "utf8")) }));
const messageNames = new Set(parsed.flatMap(({ messages }) => messages.map(({ name }) => name)));
const enumNames = new Set(parsed.flatMap(({ enums }) => [...enums]));

function schemaOf({ name, fields }) {
  const used = [];
  const words = fields.map((field) => {
    let type = SCALARS[field.type];
    const own = `${name}_${field.type}`;
    if (enumNames.has(own) || enumNames.has(field.type)) type = "e";
    const message = [own, field.type].find((candidate) => messageNames.has(candidate));
    if (message && !type) {
      if (!used.includes(message)) used.push(message);
      type = `m${used.indexOf(message)}`;
    }
    if (!type)
      throw new Error(`generate.mjs: ${name}.${field.name} has the type ${field.type}, which the client cannot read`);
    const label =
      field.label === "repeated" ? "*" : field.label === "optional" ? "?" : field.group && `|${field.group}`;
    return `${camel(field.name)} ${field.number}${type}${label}`;
  });
  const parts = used.length ? `, () => [${used.join(", ")}]` : "";
  return `export const ${name}: Message<${name}_> = /* @__PURE__ */ message("${words.join(",")}"${parts});`;
}

write("src/protocol/schema.ts", [
  "// Written by generate.mjs from proto/: change the .proto files instead.",
  ...parsed.map(
    ({ file, messages }) =>
      `import type { ${messages.map(({ name }) => `${name} as ${name}_`).join(", ")} } from "./dec/${file}";`,
  ),
  'import { type Message, message } from "./wire";',
  "",
  ...parsed.flatMap(({ messages }) => messages.map(schemaOf)),
  "",
]);

function write(path, lines) {
  const target = join(here, path);
  const text = lines.join("\n");
  if (existsSync(target) && readFileSync(target, "utf8") === text) return;
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
}
