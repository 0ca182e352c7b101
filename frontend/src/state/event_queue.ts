// What a person did, in order, kept until the server acknowledges it and sent again after a reconnect.
// Invariant: numbers are given when an event is sent, grow by one, and are never given twice in a page load.
import type { Value } from "../protocol/dec/deltas";
import type { ClientMessage } from "../protocol/dec/messages";

export type EventKind = NonNullable<ClientMessage["kind"]>;
export interface WidgetChange {
  widgetId: string;
  value: Value;
}

interface Pending {
  seq: number; // 0 = not sent yet
  kind: EventKind;
  widgetId: string; // of a single widget's value, which a newer one may replace; "" for all else
  paced: boolean; // wait while an older value of this widget is unanswered
}

export class EventQueue {
  #pending: Pending[] = [];
  #lastSeq = 0;
  #scheduled = false;

  /**
   * @param send gives a message to the socket; false = not connected, it will be asked again by `replay`
   * @param schedule calls back once, soon: pacing of values that change many times a second
   */
  constructor(
    private readonly send: (message: ClientMessage) => boolean,
    private readonly schedule: (callback: () => void) => void,
  ) {}

  /** Events that the server has not acknowledged. */
  get size(): number {
    return this.#pending.length;
  }

  /** Queues a command, a click or a form: never merged with another event. */
  put(kind: EventKind): void {
    this.#pending.push({ seq: 0, kind, widgetId: "", paced: false });
    this.#flush();
  }

  /** Queues the changes of a form and its trigger, or one trigger. */
  putWidgets(changes: readonly WidgetChange[]): void {
    this.put(widgetEvents(changes));
  }

  /** Queues a widget's new value; an unsent older value of the same widget gives way. */
  putValue(widgetId: string, value: Value, paced = false): void {
    const kind = widgetEvents([{ widgetId, value }]);
    const older = this.#replaceable(widgetId);
    if (older) Object.assign(older, { kind, paced });
    else this.#pending.push({ seq: 0, kind, widgetId, paced });
    if (paced) this.#flushSoon();
    else this.#flush();
  }

  /** The person has let go: a held value of this widget waits no longer. */
  release(widgetId: string): void {
    for (const event of this.#pending) if (event.widgetId === widgetId) event.paced = false;
    this.#flush();
  }

  /** Forgets what the server has finished; held values may go now. */
  acknowledge(seq: number): void {
    this.#pending = this.#pending.filter((event) => event.seq === 0 || event.seq > seq);
    this.#flush();
  }

  /** After a reconnect: everything unacknowledged again with its old number, and only then what has none yet. */
  replay(ackedSeq: number): void {
    for (const event of this.#pending) if (event.seq > ackedSeq) this.send({ seq: event.seq, kind: event.kind });
    this.acknowledge(ackedSeq);
  }

  /** The script session is another one: what was meant for the old one is void. */
  clear(): void {
    this.#pending = [];
  }

  /** Whether a widget has an event that is younger than `seq`, so that its own value stands. */
  hasYounger(widgetId: string, seq: number): boolean {
    return this.#pending.some(
      (event) => (event.seq === 0 || event.seq > seq) && changesOf(event.kind).some((c) => c.widgetId === widgetId),
    );
  }

  #replaceable(widgetId: string): Pending | undefined {
    for (const event of [...this.#pending].reverse()) {
      if (event.seq || !event.widgetId) return undefined;
      if (event.widgetId === widgetId) return event;
    }
    return undefined;
  }

  #flushSoon(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.schedule(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    this.#pending.forEach((event, index) => {
      if (event.seq || this.#isHeld(event, index)) return;
      const seq = this.#lastSeq + 1;
      if (!this.send({ seq, kind: event.kind })) return;
      this.#lastSeq = seq;
      event.seq = seq;
    });
  }

  // A paced value waits for the answer to its predecessor, unless something else was done after it.
  #isHeld(event: Pending, index: number): boolean {
    if (!event.paced || this.#pending.slice(index + 1).some((later) => !later.paced)) return false;
    return this.#pending.some((other) => other.seq > 0 && other.widgetId === event.widgetId);
  }
}

function widgetEvents(changes: readonly WidgetChange[]): EventKind {
  return { $case: "widgetEvents", value: { events: [...changes] } };
}

function changesOf(kind: EventKind): readonly { widgetId: string }[] {
  return kind.$case === "widgetEvents" ? kind.value.events : [];
}
