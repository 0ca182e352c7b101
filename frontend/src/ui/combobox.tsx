// The ARIA combobox behind selectbox and multiselect: search, keyboard, and only the visible rows in the page.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Field } from "../protocol/dec/deltas";
import { t } from "../strings";
import { nameOf } from "./field";
import { Icon } from "./icon";
import { usePopup } from "./popup";

interface Props {
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

interface Row {
  label: string;
  isNew: boolean;
}

const ROW = 36;
const SPARE = 4;

export function Combobox(props: Props) {
  const { id, chosen, multiple = false, disabled } = props;
  const [open, setOpen] = useState(false);
  const [query, setQuery] = useState("");
  const [active, setActive] = useState(0);
  const anchor = useRef<HTMLDivElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const popup = useRef<HTMLDivElement>(null);
  usePopup(open, anchor, popup, true);
  const rows = open ? matching(props, query) : [];
  const shown = multiple || open ? query : (chosen[0] ?? "");

  const show = () => {
    if (open || disabled) return;
    setQuery("");
    setActive(multiple ? 0 : Math.max(0, props.options.indexOf(chosen[0] ?? "")));
    setOpen(true);
  };
  const hide = () => {
    setOpen(false);
    setQuery("");
  };
  const pick = (row: Row | undefined) => {
    if (!row) return;
    if (!multiple) {
      props.onChange([row.label]);
      hide();
    } else if (!props.max || chosen.length < props.max) {
      props.onChange([...chosen, row.label]);
      setQuery("");
      setActive(Math.min(active, Math.max(0, rows.length - 2)));
    }
  };
  const remove = (label: string) => {
    props.onChange(chosen.filter((item) => item !== label));
    input.current?.focus();
  };
  const keyDown = (event: KeyboardEvent) => {
    const { key } = event;
    if (!open && (key === "ArrowDown" || key === "ArrowUp" || (key === "Enter" && !event.isComposing))) show();
    else if (key === "ArrowDown") setActive(Math.min(rows.length - 1, active + 1));
    else if (key === "ArrowUp") setActive(Math.max(0, active - 1));
    else if (key === "PageDown" && open) setActive(Math.min(rows.length - 1, active + 8));
    else if (key === "PageUp" && open) setActive(Math.max(0, active - 8));
    else if (key === "Enter" && !event.isComposing) pick(rows[active]);
    else if (key === "Escape" && open) hide();
    else if (key === "Backspace" && multiple && !query && chosen.length) return remove(chosen[chosen.length - 1] ?? "");
    else if (key === "Backspace" && !multiple && !open && props.clearable) return props.onChange([]);
    else return undefined;
    event.preventDefault();
    event.stopPropagation();
    return undefined;
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the input inside has the keyboard
    // biome-ignore lint/a11y/noStaticElementInteractions: a click beside the input means the input
    <div
      class="box combo"
      ref={anchor}
      data-open={open || undefined}
      data-disabled={disabled || undefined}
      onClick={(event) => {
        input.current?.focus();
        if (!open) show();
        else if (event.target !== input.current) hide();
      }}
      onMouseDown={(event) => event.target !== input.current && event.preventDefault()}
    >
      <div class="chips">
        {multiple
          ? chosen.map((label) => <Chip key={label} label={label} disabled={disabled} onRemove={() => remove(label)} />)
          : null}
        <input
          id={id}
          ref={input}
          type="text"
          role="combobox"
          autocomplete="off"
          spellcheck={false}
          {...nameOf(props.field)}
          aria-expanded={open}
          aria-autocomplete="list"
          aria-controls={open ? `${id}list` : undefined}
          aria-activedescendant={open && rows.length ? `${id}o${active}` : undefined}
          placeholder={multiple ? (chosen.length ? "" : props.placeholder) : (open && chosen[0]) || props.placeholder}
          disabled={disabled}
          value={shown}
          onInput={(event) => {
            setOpen(true);
            setQuery(event.currentTarget.value);
            setActive(0);
          }}
          onKeyDown={keyDown}
          onBlur={hide}
        />
      </div>
      {props.clearable && chosen.length && !disabled ? (
        <button
          type="button"
          tabIndex={-1}
          class="clear"
          aria-label={`${t("clear")}: ${props.field?.label}`}
          onClick={(event) => {
            event.stopPropagation();
            props.onChange([]);
          }}
        >
          <Icon name="close" />
        </button>
      ) : null}
      <Icon name="chevron" class="arrow" />
      {/* biome-ignore lint/a11y/useAriaPropsSupportedByRole: it has a name exactly when it has a role */}
      <div
        popover="manual"
        class="listbox"
        ref={popup}
        id={`${id}list`}
        role={rows.length ? "listbox" : undefined}
        aria-label={rows.length ? props.field?.label : undefined}
      >
        {open ? <Rows {...props} rows={rows} active={active} scroller={popup} onPick={pick} /> : null}
      </div>
    </div>
  );
}

function Chip({ label, disabled, onRemove }: { label: string; disabled: boolean; onRemove(): void }) {
  return (
    <span class="chip">
      <span>{label}</span>
      <button
        type="button"
        tabIndex={-1}
        disabled={disabled}
        aria-label={t("remove", { label })}
        onClick={(event) => {
          event.stopPropagation();
          onRemove();
        }}
      >
        <Icon name="close" />
      </button>
    </span>
  );
}

interface RowsProps extends Props {
  rows: readonly Row[];
  active: number;
  scroller: { current: HTMLDivElement | null };
  onPick(row: Row): void;
}

function Rows({ id, rows, active, chosen, multiple, max, scroller, onPick }: RowsProps) {
  const [top, setTop] = useState(0);
  useEffect(() => {
    const box = scroller.current;
    if (!box) return undefined;
    const follow = () => setTop(box.scrollTop);
    box.addEventListener("scroll", follow, { passive: true });
    return () => box.removeEventListener("scroll", follow);
  }, []);
  useEffect(() => {
    const box = scroller.current;
    if (!box) return;
    const at = active * ROW;
    if (at < box.scrollTop) box.scrollTop = at;
    else if (at + ROW + 8 > box.scrollTop + box.clientHeight) box.scrollTop = at + ROW + 8 - box.clientHeight;
  }, [active, rows.length]);
  if (multiple && max && chosen.length >= max) return <div class="no-rows">{t("most_selected", { count: max })}</div>;
  if (!rows.length) return <div class="no-rows">{t("no_results")}</div>;
  const room = scroller.current?.clientHeight || 320;
  const first = Math.max(0, Math.floor(top / ROW) - SPARE);
  const visible = rows.slice(first, first + Math.ceil(room / ROW) + 2 * SPARE);
  return (
    <div role="presentation" class="rows" style={{ height: `${rows.length * ROW}px` }}>
      {visible.map((row, offset) => {
        const index = first + offset;
        return (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the combobox has the keyboard
          // biome-ignore lint/a11y/useFocusableInteractive: it is pointed at by aria-activedescendant
          <div
            role="option"
            key={row.label}
            id={`${id}o${index}`}
            class="option"
            style={{ top: `${index * ROW}px` }}
            aria-selected={chosen.includes(row.label)}
            aria-setsize={rows.length}
            aria-posinset={index + 1}
            data-active={index === active || undefined}
            onClick={(event) => {
              event.stopPropagation();
              onPick(row);
            }}
          >
            <span>{row.isNew ? t("add_option", { label: row.label }) : row.label}</span>
            {chosen.includes(row.label) ? <Icon name="check" /> : null}
          </div>
        );
      })}
    </div>
  );
}

/** The options that fit what is typed; accents and case do not count. */
function matching({ options, chosen, multiple, acceptNew }: Props, query: string): Row[] {
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
