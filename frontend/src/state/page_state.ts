// What an element may know and do, besides its own properties.
import type { ReadonlySignal } from "@preact/signals";
import type { EventQueue } from "./event_queue";
import type { ViewMemory } from "./view_memory";
import type { WidgetValues } from "./widget_values";

export interface FilesAddress {
  url: string;
  /** Proves that a page of this site sends them. */
  token: string;
}

export interface PageState {
  readonly values: WidgetValues;
  readonly events: EventQueue;
  readonly memory: ViewMemory;
  /** True where nothing may be changed: a saved snapshot, a staff observer. */
  readonly readOnly: ReadonlySignal<boolean>;
  filesOf(widgetId: string): FilesAddress;
}
