// Reads and writes protobuf bytes by a table of fields (schema.ts), shaped as the generated types in dec/ say.
// A table takes a tenth of the code that a function for each message does; tests compare it with those functions.
const LENGTH_DELIMITED = 2;
const FIXED_BYTES: Record<number, number> = { 1: 8, 5: 4 };
const WIRE_TYPES: Record<string, number> = { d: 1, t: 2, y: 2, m: 2 }; // all others are varints

interface Field {
  name: string;
  number: number;
  type: string; // u s b d t y e m
  part: number; // of a message: its place in `parts`
  repeated: boolean;
  optional: boolean;
  group: string; // the oneof it belongs to
}

export interface Message<T> {
  /** Throws RangeError where the bytes end too early or are no message. */
  decode(bytes: Uint8Array): T;
  encode(value: T): Uint8Array<ArrayBuffer>;
}

type Fields = Record<string, unknown>;

class TableMessage {
  #fields: Field[] | undefined;

  constructor(
    readonly table: string,
    readonly parts: () => TableMessage[],
  ) {}

  get fields(): Field[] {
    this.#fields ??= this.table ? this.table.split(",").map(readField) : [];
    return this.#fields;
  }

  decode(bytes: Uint8Array): Fields {
    return new Reader(bytes).message(this);
  }

  encode(value: Fields): Uint8Array<ArrayBuffer> {
    const out: number[] = [];
    write(this, value, out);
    return Uint8Array.from(out);
  }
}

/** A message by its table: "name 1t,count 2u*": number, type, then * repeated, ? optional or |oneof. */
export function message<T>(table: string, parts: () => unknown[] = () => []): Message<T> {
  return new TableMessage(table, parts as () => TableMessage[]) as unknown as Message<T>;
}

function readField(text: string): Field {
  const [, name = "", number, type = "", part, mark = "", group = ""] =
    /^(\w+) (\d+)([a-z])(\d*)([*?|]?)(\w*)$/.exec(text) ?? [];
  return {
    name,
    number: Number(number),
    type,
    part: Number(part),
    repeated: mark === "*",
    optional: mark === "?",
    group,
  };
}

function defaultOf({ type, repeated, optional }: Field): unknown {
  if (repeated) return [];
  if (optional || type === "m") return undefined;
  return type === "t" ? "" : type === "b" ? false : type === "y" ? new Uint8Array() : 0;
}

const utf8 = new TextDecoder();

class Reader {
  #at = 0;
  readonly #view: DataView;

  constructor(readonly bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  message({ fields, parts }: TableMessage): Fields {
    const result: Fields = {};
    for (const field of fields) result[field.group || field.name] = field.group ? undefined : defaultOf(field);
    while (this.#at < this.bytes.length) {
      const key = this.#varint();
      const field = fields.find(({ number }) => number === key >>> 3);
      if (field) this.#field(field, key & 7, result, parts);
      else this.#skip(key & 7);
    }
    return result;
  }

  #field(field: Field, wireType: number, result: Fields, parts: () => TableMessage[]): void {
    const { name, group, repeated, type } = field;
    if (repeated && wireType === LENGTH_DELIMITED && WIRE_TYPES[type] !== LENGTH_DELIMITED) {
      const packed = new Reader(this.#take());
      while (packed.#at < packed.bytes.length) (result[name] as unknown[]).push(packed.#value(field, parts));
      return;
    }
    if (wireType !== (WIRE_TYPES[type] ?? 0)) {
      this.#skip(wireType);
      return;
    }
    const value = this.#value(field, parts);
    if (repeated) (result[name] as unknown[]).push(value);
    else if (group) result[group] = { $case: name, value };
    else result[name] = value;
  }

  #value({ type, part }: Field, parts: () => TableMessage[]): unknown {
    if (type === "m") return (parts()[part] as TableMessage).decode(this.#take());
    if (type === "t") return utf8.decode(this.#take());
    if (type === "y") return this.#take();
    if (type === "d") {
      this.#at += 8;
      return this.#view.getFloat64(this.#at - 8, true);
    }
    const number = this.#varint();
    if (type === "b") return number !== 0;
    if (type === "s") return (number >>> 1) ^ -(number & 1);
    return type === "e" ? number | 0 : number;
  }

  // The low 32 bits: nothing here is wider, and negative enum values take ten bytes.
  #varint(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#view.getUint8(this.#at++);
      if (shift < 32) value |= (byte & 127) << shift;
      if (byte < 128) return value >>> 0;
    }
    throw new RangeError("a number has no end");
  }

  #take(): Uint8Array {
    const length = this.#varint();
    this.#at += length;
    if (this.#at > this.bytes.length) throw new RangeError("the bytes end too early");
    return this.bytes.subarray(this.#at - length, this.#at);
  }

  #skip(wireType: number): void {
    if (wireType === 0) this.#varint();
    else if (wireType === LENGTH_DELIMITED) this.#take();
    else if (FIXED_BYTES[wireType]) this.#at += FIXED_BYTES[wireType];
    else throw new RangeError(`wire type ${wireType} is not known`);
  }
}

function write({ fields, parts }: TableMessage, value: Fields, out: number[]): void {
  for (const field of fields) {
    const { name, group, repeated, optional, type } = field;
    const chosen = group ? (value[group] as { $case: string; value: unknown } | undefined) : undefined;
    const own = group ? (chosen?.$case === name ? chosen.value : undefined) : value[name];
    if (own === undefined) continue;
    if (repeated && type === "d") {
      const numbers = own as number[];
      if (!numbers.length) continue;
      writeVarint(field.number * 8 + LENGTH_DELIMITED, out);
      writeVarint(numbers.length * 8, out);
      for (const number of numbers) writeValue(field, number, parts, out);
      continue;
    }
    for (const item of repeated ? (own as unknown[]) : [own]) {
      if (!repeated && !group && !optional && (item === 0 || item === "" || item === false)) continue;
      writeVarint(field.number * 8 + (WIRE_TYPES[type] ?? 0), out);
      writeValue(field, item, parts, out);
    }
  }
}

function writeValue({ type, part }: Field, value: unknown, parts: () => TableMessage[], out: number[]): void {
  if (type === "d") out.push(...new Uint8Array(new Float64Array([value as number]).buffer));
  else if (type === "u" || type === "e") writeVarint(value as number, out);
  else if (type === "b") out.push(value ? 1 : 0);
  else if (type === "s") writeVarint((((value as number) << 1) ^ ((value as number) >> 31)) >>> 0, out);
  else {
    const inner =
      type === "t"
        ? new TextEncoder().encode(value as string)
        : type === "y"
          ? (value as Uint8Array)
          : (parts()[part] as TableMessage).encode(value as Fields);
    writeVarint(inner.length, out);
    for (const byte of inner) out.push(byte);
  }
}

function writeVarint(value: number, out: number[]): void {
  let rest = value >>> 0;
  while (rest > 127) {
    out.push((rest & 127) | 128);
    rest >>>= 7;
  }
  out.push(rest);
}
