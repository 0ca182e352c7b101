import type { ComponentChild } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { Json as Props } from "../protocol/dec/elements/json";
import { CopyButton } from "../ui/copy_button";
import { Icon } from "../ui/icon";
import type { View } from "../ui/view";

export function Json({ props: { body, depth } }: View<Props>) {
  const value = useMemo(() => parse(body), [body]);
  return (
    <div class="json">
      <Item value={value} depth={depth} />
      <CopyButton text={() => body} />
    </div>
  );
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body; // not JSON: shown as the text it is
  }
}

interface ItemProps {
  name?: string | undefined;
  value: unknown;
  depth: number;
}

const PAGE = 100; // entries of one list that are shown at first

function Item({ name, value, depth }: ItemProps) {
  const key = name === undefined ? null : <span class="json-key">{name}: </span>;
  if (typeof value === "object" && value !== null && Object.keys(value).length) {
    return <Branch value={value} depth={depth} label={key} />;
  }
  return (
    <div class="json-item">
      {key}
      <span class={`json-${value === null ? "null" : typeof value}`}>{JSON.stringify(value)}</span>
    </div>
  );
}

function Branch({ value, depth, label }: { value: object; depth: number; label: ComponentChild }) {
  const [open, setOpen] = useState(depth > 0);
  const [limit, setLimit] = useState(PAGE);
  const isList = Array.isArray(value);
  const entries = Object.entries(value);
  const [start, end] = isList ? "[]" : "{}";
  return (
    <div class="json-item">
      <button type="button" class="json-fold" aria-expanded={open} onClick={() => setOpen(!open)}>
        <Icon name="chevron" class="fold" />
        {label}
        {start}
        {open ? null : <span class="muted">{`${entries.length}${end}`}</span>}
      </button>
      {open ? (
        <div class="json-children">
          {entries.slice(0, limit).map(([entry, inner]) => (
            <Item key={entry} name={isList ? undefined : entry} value={inner} depth={depth - 1} />
          ))}
          {entries.length > limit ? (
            <button type="button" class="json-fold" onClick={() => setLimit(limit * 10)}>
              … {entries.length - limit}
            </button>
          ) : null}
        </div>
      ) : null}
      {open ? end : null}
    </div>
  );
}
