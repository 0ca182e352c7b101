// One form on the page: which fields stand in it and how it is submitted.
import { signal } from "@preact/signals";
import type { EventQueue } from "./event_queue";
import type { WidgetValues } from "./widget_values";

export class FormDraft {
  readonly #fields = new Set<string>();
  readonly #submitters: { widgetId: string; enabled: () => boolean }[] = [];

  /** How many fields are not done yet with what the person gave them: until then nothing is sent. */
  readonly pending = signal(0);

  constructor(
    private readonly values: WidgetValues,
    private readonly events: EventQueue,
  ) {}

  addField(widgetId: string): () => void {
    this.#fields.add(widgetId);
    return () => this.#fields.delete(widgetId);
  }

  addSubmitter(widgetId: string, enabled: () => boolean): () => void {
    const entry = { widgetId, enabled };
    this.#submitters.push(entry);
    return () => this.#submitters.splice(this.#submitters.indexOf(entry), 1);
  }

  busy(by: number): void {
    this.pending.value += by;
  }

  /** Sends every changed field together with the click on this button. */
  submit(widgetId: string): void {
    const trigger = { widgetId, value: { kind: { $case: "trigger" as const, value: true } } };
    this.events.putWidgets([...this.values.takeDrafts(this.#fields), trigger]);
  }

  /** What Enter in a field does: the first button that can be pressed. */
  submitByEnter(): void {
    const first = this.#submitters.find((entry) => entry.enabled());
    if (first) this.submit(first.widgetId);
  }
}
