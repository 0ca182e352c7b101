// One page: the tree, the widgets' values, the event queue and the socket, and what is known about the run.
// Runs on: the browser's main thread. Invariant: a batch is acknowledged only after all of it is applied.
import { batch, computed, signal } from "@preact/signals";
import type { EndReason } from "../connection/close_codes";
import { SharedSessionClaim, TabSessionClaim } from "../connection/session_claim";
import { type ConnectionState, PageSocket, PROTOCOL_VERSION } from "../connection/socket";
import type { PageConfig } from "../protocol/dec/deltas";
import {
  type ClientMessage,
  Outcome,
  type RunFinished,
  type RunStarted,
  type Error as ServerError,
  type ServerMessage,
  type Snapshot,
  type SnapshotSaved,
  type SourceStatus,
  type Toast,
  type Welcome,
} from "../protocol/dec/messages";
import { Snapshot as SnapshotSchema } from "../protocol/schema";
import { type EventKind, EventQueue } from "../state/event_queue";
import type { FilesAddress, PageState } from "../state/page_state";
import { ViewMemory } from "../state/view_memory";
import { type Unsent, WidgetValues } from "../state/widget_values";
import { t } from "../strings";
import { PageTree, TreeMismatch } from "../tree/page_tree";
import type { PageSettings } from "./page_settings";

export interface ShownToast extends Pick<Toast, "bodyHtml" | "icon" | "seconds"> {
  id: number;
  text?: string;
  bad?: boolean;
}

export class LivePage implements PageState {
  readonly connection = signal<ConnectionState>("idle");
  readonly endReason = signal<EndReason | undefined>(undefined);
  readonly endMessage = signal("");
  readonly running = signal(false);
  readonly observers = signal(0);
  /** Why the last run happened and what it cost; known to staff who watch, and under DEBUG. */
  readonly why = signal("");
  readonly config = signal<PageConfig | undefined>(undefined);
  readonly welcome = signal<Welcome | undefined>(undefined);
  readonly source = signal<SourceStatus | undefined>(undefined);
  readonly runOnSave = signal(false);
  readonly saved = signal<SnapshotSaved | undefined>(undefined);
  readonly toasts = signal<readonly ShownToast[]>([]);
  readonly loginUrl = signal("");
  readonly frozenError = signal(false);
  /** A page was shown and the connection is lost: what it shows may be old. */
  readonly stale = signal(false);
  readonly readOnly = computed(() => this.frozen || (this.welcome.value?.readOnly ?? false));

  readonly events: EventQueue;
  readonly values: WidgetValues;
  readonly memory: ViewMemory;
  readonly tree: PageTree;
  readonly frozen: boolean;

  readonly #socket: PageSocket;
  readonly #clientId = crypto.getRandomValues(new Uint32Array(4)).join("-");
  readonly #storage = tabStorage();
  #lastBatch = 0;
  #seenSeq = 0;
  #resyncing = false;
  #awaitsRun = false;
  #toastIds = 0;
  #deltas = 0;

  constructor(readonly settings: PageSettings) {
    this.frozen = settings.frozenUrl !== "";
    this.loginUrl.value = settings.loginUrl;
    this.#socket = this.#makeSocket();
    this.events = new EventQueue((message) => this.#socket.send(message), requestAnimationFrame.bind(window));
    this.values = new WidgetValues((widgetId, seq) => this.events.hasYounger(widgetId, seq), settings.shared);
    this.memory = new ViewMemory(`scriptapps:view:${settings.socketUrl}`, this.#storage);
    this.tree = new PageTree({
      value: (id, value, snapshot) => this.values.takeServer(id, value, this.#seenSeq, snapshot),
      gone: (id) => this.values.forget(id),
    });
  }

  /** Connects, or loads the saved page. Returns what undoes it. */
  start(): () => void {
    if (this.frozen) {
      void this.#loadFrozen();
      return () => {};
    }
    const hurry = () => document.visibilityState === "visible" && this.#socket.hurry();
    const seen = () => {
      this.#socket.send({ seq: 0, kind: { $case: "visibility", value: { hidden: document.hidden } } });
      if (document.hidden) this.memory.set("unsent", this.values.unsent()); // it may be the last moment of this page
      hurry();
    };
    const networkBack = () => this.#socket.hurry(true);
    const restored = (event: PageTransitionEvent) => event.persisted && void this.#socket.start();
    addEventListener("online", networkBack);
    addEventListener("pageshow", restored);
    document.addEventListener("visibilitychange", seen);
    void this.#socket.start();
    return () => {
      removeEventListener("online", networkBack);
      removeEventListener("pageshow", restored);
      document.removeEventListener("visibilitychange", seen);
      this.#socket.stop();
    };
  }

  rerun(): void {
    this.#command({ $case: "rerun", value: {} });
  }

  stopRun(): void {
    this.#socket.send({ seq: 0, kind: { $case: "stop", value: {} } });
  }

  clearCache(): void {
    this.#command({ $case: "clearCache", value: {} });
    this.notify(t("cache_cleared"));
  }

  setRunOnSave(enabled: boolean): void {
    this.runOnSave.value = enabled;
    this.#command({ $case: "setRunOnSave", value: { enabled } });
  }

  saveSnapshot(): void {
    this.#command({ $case: "saveSnapshot", value: { title: document.title } });
  }

  closeSession(): void {
    this.#socket.send({ seq: 0, kind: { $case: "close", value: {} } });
  }

  /** From an ended connection back to a live one. */
  again(keepSession: boolean): void {
    this.#socket.again(keepSession);
  }

  notify(text: string, bad = false): void {
    this.#addToast({ text, bodyHtml: "", icon: "", seconds: bad ? 10 : 4, bad });
  }

  filesOf(widgetId: string): FilesAddress {
    const page = this.settings.socketUrl.replace(/ws\/$/, "");
    const session = this.welcome.peek()?.sessionId;
    return { url: `${page}files/${session}/${widgetId}/`, token: this.#socket.token };
  }

  dismissToast(id: number): void {
    this.toasts.value = this.toasts.peek().filter((toast) => toast.id !== id);
  }

  #command(kind: EventKind): void {
    if (!this.readOnly.peek()) this.events.put(kind);
  }

  #addToast(toast: Omit<ShownToast, "id">): void {
    this.toasts.value = [...this.toasts.peek().slice(-4), { ...toast, id: ++this.#toastIds }];
  }

  #makeSocket(): PageSocket {
    const { socketUrl, statusUrl, token, fingerprint, session, shared } = this.settings;
    return new PageSocket({
      socketUrl,
      statusUrl,
      token,
      claim: shared
        ? new SharedSessionClaim(session)
        : new TabSessionClaim(`scriptapps:${socketUrl}`, fingerprint, session, this.#storage, navigator.locks),
      attach: () => this.#attachMessage(),
      onMessage: (message) => this.#receive(message),
      onState: (state, reason) => this.#connectionChanged(state, reason),
      onLoginUrl: (url, message = "") => {
        this.loginUrl.value = url;
        this.endMessage.value = message;
      },
    });
  }

  #attachMessage(): ClientMessage {
    const attach = {
      protocolVersion: PROTOCOL_VERSION,
      clientId: this.#clientId,
      queryString: location.search.slice(1),
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone ?? "",
      locale: navigator.language ?? "",
      hidden: document.hidden,
    };
    return { seq: 0, kind: { $case: "attach", value: attach } };
  }

  #connectionChanged(state: ConnectionState, reason: EndReason | undefined): void {
    batch(() => {
      this.connection.value = state;
      this.endReason.value = reason;
      if (state !== "live" && this.welcome.peek()) {
        this.stale.value = true;
        this.running.value = false;
      }
      if (state === "attaching") this.#lastBatch = 0;
    });
  }

  #receive(message: ServerMessage): void {
    if (message.batch) {
      const gap = message.batch !== this.#lastBatch + 1;
      this.#lastBatch = message.batch;
      if (gap && !message.snapshot) this.#resync();
    }
    this.#seenSeq = Math.max(message.seenSeq, message.ackedSeq);
    if (message.welcome) this.#welcomed(message.welcome);
    else if (message.ackedSeq) this.events.acknowledge(message.ackedSeq);
    this.#apply(message);
    if (message.welcome) this.events.replay(message.ackedSeq);
    if (message.batch) this.#socket.send({ seq: 0, kind: { $case: "ack", value: { batch: message.batch } } });
  }

  #welcomed(welcome: Welcome): void {
    const before = this.welcome.peek()?.sessionId;
    if (before && before !== welcome.sessionId) this.events.clear();
    this.memory.useSession(welcome.sessionId);
    const unsent = before ? undefined : this.memory.get<Unsent>("unsent");
    if (unsent) this.values.restore(unsent);
    this.welcome.value = welcome;
    this.runOnSave.value = welcome.runOnSave;
    this.source.value = undefined;
    this.endMessage.value = "";
  }

  #apply(message: ServerMessage): void {
    batch(() => {
      if (message.snapshot) this.#takeSnapshot(message.snapshot);
      if (message.runStarted) this.#runStarted(message.runStarted);
      if (message.deltas.length && !this.#resyncing) this.#takeDeltas(message);
      if (message.runFinished) this.#runFinished(message.runFinished);
      for (const error of message.errors) this.#serverError(error);
      if (message.sourceStatus) this.#takeSource(message.sourceStatus);
      if (message.observers) this.observers.value = message.observers.count;
      if (message.snapshotSaved) this.saved.value = message.snapshotSaved;
      if (message.pageConfig) this.config.value = message.pageConfig;
      for (const toast of message.toasts) this.#addToast(toast);
    });
  }

  #takeSnapshot(snapshot: Snapshot): void {
    // A server that has just come back knows no page before the end of its first run: what is shown stays till then.
    const isEmpty = !snapshot.runId && !snapshot.roots.some((root) => root.children.length);
    this.#awaitsRun = isEmpty && this.tree.roots.peek().some((root) => root.children.peek().length);
    this.#resyncing = this.#awaitsRun;
    if (!this.#awaitsRun) {
      this.tree.applySnapshot(snapshot.roots);
      this.config.value = snapshot.pageConfig;
    }
    this.running.value = snapshot.running;
    this.stale.value = false;
  }

  #takeDeltas({ deltas }: ServerMessage): void {
    this.#deltas += deltas.length;
    try {
      this.tree.applyDeltas(deltas);
    } catch (error) {
      if (!(error instanceof TreeMismatch)) throw error;
      console.warn("scriptapps: asking for the whole page,", error.message);
      this.#resync();
    }
  }

  #resync(): void {
    if (this.#resyncing) return;
    this.#resyncing = true;
    this.#socket.send({ seq: 0, kind: { $case: "requestSnapshot", value: {} } });
  }

  #runStarted({ trigger, detail }: RunStarted): void {
    this.running.value = true;
    this.#deltas = 0;
    this.why.value = detail ? `${trigger}: ${detail}` : trigger;
  }

  #runFinished({ outcome, message, durationMs }: RunFinished): void {
    this.running.value = false;
    this.why.value &&= `${this.why.value} · ${durationMs | 0} ms · ${this.#deltas} deltas`;
    if (this.#awaitsRun) {
      this.#resyncing = false;
      this.#resync();
    }
    const bad = [Outcome.DEADLINE, Outcome.ABANDONED, Outcome.REFUSED].includes(outcome);
    if (bad || outcome === Outcome.STOPPED) this.notify(message, bad);
  }

  #serverError({ code, message, reference, seq }: ServerError): void {
    if (code === "closed") {
      this.endMessage.value = message; // the end itself follows
      return;
    }
    console.warn(`scriptapps: ${code}: ${message}`, reference);
    this.notify(reference ? `${message} (${t("reference")} ${reference})` : message || code, true);
    if (seq) this.#resync(); // the event was refused, so the value shown here is not the server's
  }

  #takeSource(status: SourceStatus): void {
    this.source.value = status;
    this.runOnSave.value = status.runOnSave;
  }

  async #loadFrozen(): Promise<void> {
    try {
      const answer = await fetch(this.settings.frozenUrl);
      if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
      const snapshot = SnapshotSchema.decode(new Uint8Array(await answer.arrayBuffer()));
      this.#takeSnapshot({ ...snapshot, running: false });
    } catch (error) {
      console.error("scriptapps: the saved page could not be loaded", error);
      this.frozenError.value = true;
    }
  }
}

function tabStorage(): Storage | undefined {
  try {
    return sessionStorage;
  } catch {
    return undefined; // forbidden by the browser's settings
  }
}
