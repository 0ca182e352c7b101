import type { NumberInput as Props } from "../protocol/dec/elements/number_input";
import { t } from "../strings";
import { Field, nameOf } from "../ui/field";
import { Icon } from "../ui/icon";
import { useNumberDraft } from "../ui/number_draft";
import { useWidget } from "../ui/use_widget";
import type { View } from "../ui/view";

export function NumberInput({ node, props }: View<Props>) {
  const { field, min, max, integer, placeholder } = props;
  const widget = useWidget(node, field);
  const draft = useNumberDraft(widget, props);
  const { current } = draft;
  const keyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowUp") draft.move(1);
    else if (event.key === "ArrowDown") draft.move(-1);
    else if (event.key === "Escape") draft.type(undefined);
    else if (event.key === "Enter" && !event.isComposing) {
      draft.take();
      widget.enter();
    } else return;
    event.preventDefault();
  };
  const step = (direction: 1 | -1, atEnd: boolean) => (
    <StepButton
      direction={direction}
      label={field?.label ?? ""}
      disabled={widget.disabled || atEnd}
      move={draft.move}
    />
  );
  return (
    <Field field={field} id={widget.id} class="number">
      <div class="box" data-disabled={widget.disabled || undefined}>
        <input
          id={widget.id}
          type="text"
          role="spinbutton"
          inputMode={integer && (min ?? -1) >= 0 ? "numeric" : "decimal"}
          autocomplete="off"
          {...nameOf(field)}
          aria-valuenow={current}
          aria-valuemin={min}
          aria-valuemax={max}
          placeholder={placeholder || undefined}
          disabled={widget.disabled}
          value={draft.text}
          onInput={(event) => draft.type(event.currentTarget.value)}
          onBlur={draft.take}
          onKeyDown={keyDown}
        />
        {step(-1, current !== undefined && min !== undefined && current <= min)}
        {step(1, current !== undefined && max !== undefined && current >= max)}
      </div>
    </Field>
  );
}

interface StepProps {
  direction: 1 | -1;
  label: string;
  disabled: boolean;
  move(steps: number): void;
}

function StepButton({ direction, label, disabled, move }: StepProps) {
  return (
    <button
      type="button"
      tabIndex={-1}
      aria-label={`${t(direction > 0 ? "increase" : "decrease")}: ${label}`}
      disabled={disabled}
      onMouseDown={(event) => event.preventDefault()}
      onClick={() => move(direction)}
    >
      <Icon name={direction > 0 ? "plus" : "minus"} />
    </button>
  );
}
