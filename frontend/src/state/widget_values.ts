// The values of widgets as this tab shows them. The server's value is taken only where the person has not
// been quicker: no younger event in the queue, no draft in a form. What was entered and not sent outlives a reload.
import { type Signal, signal } from "@preact/signals";
import type { Value } from "../protocol/dec/deltas";

export type WidgetValue = NonNullable<Value["kind"]>;

/** Texts that are being typed, and values in forms, by widget. */
export interface Unsent {
  typed: [string, string][];
  drafts: [string, WidgetValue][];
}

export class WidgetValues {
  readonly #signals = new Map<string, Signal<WidgetValue | undefined>>();
  readonly #drafts = new Map<string, { secret: boolean }>();
  #kept = new Map<string, WidgetValue>(); // drafts of before a reload, until their widgets are there
  /** Texts that are being typed, without passwords. */
  typed = new Map<string, string>();

  /**
   * @param hasYounger whether the widget has an event after `seq`
   * @param shared whether the server's value may be what somebody else has entered: then no draft gives way to it
   */
  constructor(
    private readonly hasYounger: (widgetId: string, seq: number) => boolean,
    private readonly shared = false,
  ) {}

  /** The value of a widget; a component that reads it renders again when it changes. */
  of(widgetId: string): Signal<WidgetValue | undefined> {
    let found = this.#signals.get(widgetId);
    if (!found) {
      found = signal(undefined);
      this.#signals.set(widgetId, found);
    }
    return found;
  }

  /** A person changed it. */
  setLocal(widgetId: string, value: WidgetValue): void {
    this.of(widgetId).value = value;
  }

  /** A person changed a field of a form that is not submitted yet. */
  setDraft(widgetId: string, value: WidgetValue, secret = false): void {
    this.#drafts.set(widgetId, { secret });
    this.setLocal(widgetId, value);
  }

  /** What a reload must not lose. */
  unsent(): Unsent {
    const open = [...this.#drafts].filter(([, { secret }]) => !secret);
    const drafts = open.map(([id]): [string, WidgetValue] => [id, this.of(id).peek() as WidgetValue]);
    return { typed: [...this.typed], drafts: [...this.#kept, ...drafts] };
  }

  /** After a reload, before the widgets are there. */
  restore({ typed, drafts }: Unsent): void {
    this.typed = new Map(typed);
    this.#kept = new Map(drafts);
  }

  /** Takes the drafts among these widgets out, to be sent. */
  takeDrafts(widgetIds: Iterable<string>): { widgetId: string; value: Value }[] {
    const taken: { widgetId: string; value: Value }[] = [];
    for (const widgetId of widgetIds) {
      const kind = this.of(widgetId).peek();
      if (this.#drafts.delete(widgetId) && kind) taken.push({ widgetId, value: { kind } });
    }
    return taken;
  }

  /** The server's value, true for events up to `seenSeq`. A snapshot repeats values, so it never ends a draft. */
  takeServer(widgetId: string, value: Value | undefined, seenSeq: number, fromSnapshot: boolean): void {
    const kept = this.#kept.get(widgetId);
    if (kept && this.#kept.delete(widgetId)) this.setDraft(widgetId, kept);
    if (kept || this.hasYounger(widgetId, seenSeq)) return;
    if ((fromSnapshot || this.shared) && this.#drafts.has(widgetId)) return;
    this.#drafts.delete(widgetId);
    const held = this.of(widgetId);
    if (!sameValue(held.peek(), value?.kind)) held.value = value?.kind;
  }

  /** The widget has left the page. A value the server has not answered yet stays: the widget may be about to return. */
  forget(widgetId: string): void {
    if (!this.hasYounger(widgetId, 0)) this.#signals.delete(widgetId);
    this.#drafts.delete(widgetId);
  }
}

export function sameValue(a: WidgetValue | undefined, b: WidgetValue | undefined): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
