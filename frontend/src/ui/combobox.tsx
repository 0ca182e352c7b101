// The ARIA combobox behind selectbox and multiselect.
import { useRef } from "preact/hooks";
import { t } from "../strings";
import { ComboboxOptions } from "./combobox_options";
import { type ComboboxProps, type ComboboxState, useComboboxState } from "./combobox_state";
import { nameOf } from "./field";
import { Icon } from "./icon";
import { usePopup } from "./popup";

export function Combobox(props: ComboboxProps) {
  const { id, field, disabled } = props;
  const state = useComboboxState(props);
  const anchor = useRef<HTMLDivElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const popup = useRef<HTMLDivElement>(null);
  usePopup(state.open, anchor, popup, true);
  const hasRows = state.rows.length > 0;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the input inside has the keyboard
    // biome-ignore lint/a11y/noStaticElementInteractions: a click beside the input means the input
    <div
      class="box combo"
      ref={anchor}
      data-open={state.open || undefined}
      data-disabled={disabled || undefined}
      onClick={(event) => {
        input.current?.focus();
        if (!state.open) state.show();
        else if (event.target !== input.current) state.hide();
      }}
      onMouseDown={(event) => event.target !== input.current && event.preventDefault()}
    >
      <div class="chips">
        <Chips {...props} />
        <Search props={props} state={state} input={input} />
      </div>
      <ClearButton {...props} />
      <Icon name="chevron" class="arrow" />
      {/* biome-ignore lint/a11y/useAriaPropsSupportedByRole: it has a name exactly when it has a role */}
      <div
        popover="manual"
        class="listbox"
        ref={popup}
        id={`${id}list`}
        role={hasRows ? "listbox" : undefined}
        aria-label={hasRows ? field?.label : undefined}
      >
        {state.open ? <ComboboxOptions props={props} state={state} scroller={popup} /> : null}
      </div>
    </div>
  );
}

interface SearchProps {
  props: ComboboxProps;
  state: ComboboxState;
  input: { current: HTMLInputElement | null };
}

function Search({ props, state, input }: SearchProps) {
  const { id, chosen, multiple, placeholder } = props;
  const { open, query, active, rows } = state;
  const hint = multiple ? (chosen.length ? "" : placeholder) : (open && chosen[0]) || placeholder;
  return (
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
      placeholder={hint || undefined}
      disabled={props.disabled}
      value={multiple || open ? query : (chosen[0] ?? "")}
      onInput={(event) => state.type(event.currentTarget.value)}
      onKeyDown={state.keyDown}
      onBlur={state.hide}
    />
  );
}

function Chips({ chosen, multiple, disabled, onChange }: ComboboxProps) {
  if (!multiple) return null;
  const chips = chosen.map((label) => (
    <span class="chip" key={label}>
      <span>{label}</span>
      <button
        type="button"
        tabIndex={-1}
        disabled={disabled}
        aria-label={t("remove", { label })}
        onClick={(event) => {
          event.stopPropagation();
          onChange(chosen.filter((item) => item !== label));
        }}
      >
        <Icon name="close" />
      </button>
    </span>
  ));
  return <>{chips}</>;
}

function ClearButton({ field, clearable, chosen, disabled, onChange }: ComboboxProps) {
  if (!clearable || !chosen.length || disabled) return null;
  return (
    <button
      type="button"
      tabIndex={-1}
      class="clear"
      aria-label={`${t("clear")}: ${field?.label}`}
      onClick={(event) => {
        event.stopPropagation();
        onChange([]);
      }}
    >
      <Icon name="close" />
    </button>
  );
}
