// What a combobox knows and does: the search, the active row, the keyboard.
import { useState } from "preact/hooks";
import type { Field } from "../protocol/dec/deltas";

export interface ComboboxProps {
  id: string;
  field: Field | undefined;
  options: readonly string[];
  chosen: readonly string[];
  multiple?: boolean;
  max?: number; // of chosen options, 0 = no limit
  placeholder: string;
  clearable: boolean;
  acceptNew: boolean;
  disabled: boolean;
  onChange(chosen: string[]): void;
}

export interface Row {
  label: string;
  isNew: boolean;
}

export interface ComboboxState {
  open: boolean;
  query: string;
  active: number;
  rows: Row[];
  show(): void;
  hide(): void;
  type(query: string): void;
  pick(row: Row | undefined): void;
  keyDown(event: KeyboardEvent): void;
}

const PAGE = 8; // rows that Page Down moves

export function useComboboxState(props: ComboboxProps): ComboboxState {
  const { chosen, multiple, max, onChange } = props;
  const [open, setOpen] = useState(false);
  const [query, setQuery] = useState("");
  const [active, setActive] = useState(0);
  const rows = open ? matching(props, query) : [];
  const state: Omit<ComboboxState, "keyDown"> = {
    open,
    query,
    active,
    rows,
    show() {
      if (open || props.disabled) return;
      setQuery("");
      setActive(multiple ? 0 : Math.max(0, props.options.indexOf(chosen[0] ?? "")));
      setOpen(true);
    },
    hide() {
      setOpen(false);
      setQuery("");
    },
    type(text) {
      setOpen(true);
      setQuery(text);
      setActive(0);
    },
    pick(row) {
      if (!row) return;
      if (!multiple) {
        onChange([row.label]);
        state.hide();
      } else if (!max || chosen.length < max) {
        onChange([...chosen, row.label]);
        setQuery("");
        setActive(Math.min(active, Math.max(0, rows.length - 2)));
      }
    },
  };
  const move = (steps: number) => setActive(Math.max(0, Math.min(rows.length - 1, active + steps)));
  return { ...state, keyDown: (event) => keyDown(event, props, state, move) };
}

function keyDown(
  event: KeyboardEvent,
  props: ComboboxProps,
  state: Omit<ComboboxState, "keyDown">,
  move: (steps: number) => void,
): void {
  const { open, query, rows, active } = state;
  const { chosen, multiple, clearable } = props;
  const keys: Record<string, (() => void) | false | undefined> = {
    ArrowDown: open ? () => move(1) : state.show,
    ArrowUp: open ? () => move(-1) : state.show,
    PageDown: open && (() => move(PAGE)),
    PageUp: open && (() => move(-PAGE)),
    Enter: event.isComposing ? undefined : open ? () => state.pick(rows[active]) : state.show,
    Escape: open && state.hide,
    Backspace: multiple
      ? !query && chosen.length > 0 && (() => props.onChange(chosen.slice(0, -1)))
      : !open && clearable && (() => props.onChange([])),
  };
  const action = keys[event.key];
  if (!action) {
    // Typing begins a search; it does not lengthen the name of what is chosen.
    const types = event.key.length === 1 && !event.ctrlKey && !event.metaKey;
    if (!open && !multiple && types) (event.currentTarget as HTMLInputElement).select();
    return;
  }
  event.preventDefault();
  event.stopPropagation();
  action();
}

/** The options that fit what is typed; accents and case do not count. */
function matching({ options, chosen, multiple, acceptNew }: ComboboxProps, query: string): Row[] {
  const wanted = fold(query.trim());
  const free = multiple ? options.filter((option) => !chosen.includes(option)) : options;
  const found = wanted ? free.filter((option) => fold(option).includes(wanted)) : free;
  const rows = found.map((label) => ({ label, isNew: false }));
  const label = query.trim();
  if (acceptNew && label && !options.includes(label) && !chosen.includes(label)) rows.push({ label, isNew: true });
  return rows;
}

function fold(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}
