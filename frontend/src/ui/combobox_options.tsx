// The rows of an open combobox; of many only those in sight are in the page.
import { useEffect, useState } from "preact/hooks";
import { t } from "../strings";
import type { ComboboxProps, ComboboxState, Row } from "./combobox_state";
import { Icon } from "./icon";

const ROW = 36; // pixels, as in the style sheet
const SPARE = 4;
const PADDING = 8;

interface Props {
  props: ComboboxProps;
  state: ComboboxState;
  scroller: { current: HTMLDivElement | null };
}

export function ComboboxOptions({ props, state, scroller }: Props) {
  const { rows, active } = state;
  const top = useScrollTop(scroller, active, rows.length);
  const { chosen, multiple, max } = props;
  if (multiple && max && chosen.length >= max) return <div class="no-rows">{t("most_selected", { count: max })}</div>;
  if (!rows.length) return <div class="no-rows">{t("no_results")}</div>;
  const room = scroller.current?.clientHeight || 320;
  const first = Math.max(0, Math.floor(top / ROW) - SPARE);
  const visible = rows.slice(first, first + Math.ceil(room / ROW) + 2 * SPARE);
  return (
    <div role="presentation" class="rows" style={{ height: `${rows.length * ROW}px` }}>
      {visible.map((row, offset) => (
        <Option key={row.label} row={row} place={first + offset} props={props} state={state} />
      ))}
    </div>
  );
}

// Follows the scrolling, and scrolls so that the active row is seen.
function useScrollTop(scroller: Props["scroller"], active: number, count: number): number {
  const [top, setTop] = useState(0);
  useEffect(() => {
    const box = scroller.current;
    const follow = () => setTop(box?.scrollTop ?? 0);
    box?.addEventListener("scroll", follow, { passive: true });
    return () => box?.removeEventListener("scroll", follow);
  }, []);
  useEffect(() => {
    const box = scroller.current;
    if (!box) return;
    const start = active * ROW;
    const end = start + ROW + PADDING;
    if (start < box.scrollTop) box.scrollTop = start;
    else if (end > box.scrollTop + box.clientHeight) box.scrollTop = end - box.clientHeight;
  }, [active, count]);
  return top;
}

function Option({ row, place, props, state }: { row: Row; place: number; props: ComboboxProps; state: ComboboxState }) {
  const selected = props.chosen.includes(row.label);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the combobox has the keyboard
    // biome-ignore lint/a11y/useFocusableInteractive: it is pointed at by aria-activedescendant
    <div
      role="option"
      id={`${props.id}o${place}`}
      class="option"
      style={{ top: `${place * ROW}px` }}
      aria-selected={selected}
      aria-setsize={state.rows.length}
      aria-posinset={place + 1}
      data-active={place === state.active || undefined}
      onClick={(event) => {
        event.stopPropagation();
        state.pick(row);
      }}
    >
      <span>{row.isNew ? t("add_option", { label: row.label }) : row.label}</span>
      {selected ? <Icon name="check" /> : null}
    </div>
  );
}
