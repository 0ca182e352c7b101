// What this browser tab remembers by itself: open expanders, chosen tabs, the sidebar, what was entered and not sent.
// Kept in sessionStorage by script session and node number; without storage it lasts as long as the page.
export class ViewMemory {
  #entries: Record<string, unknown> = {};
  #sessionId = "";

  constructor(
    private readonly storageKey: string,
    private readonly storage: Storage | undefined,
  ) {}

  /** Another script session has other nodes: forget the old ones. */
  useSession(sessionId: string): void {
    if (sessionId === this.#sessionId) return;
    this.#sessionId = sessionId;
    this.#entries = {};
    const stored = readJson(this.storage, this.storageKey);
    if (stored?.sessionId === sessionId && typeof stored.entries === "object") {
      this.#entries = stored.entries as Record<string, unknown>;
    }
  }

  get<T = number>(key: string): T | undefined {
    return this.#entries[key] as T | undefined;
  }

  set(key: string, value: unknown): void {
    this.#entries[key] = value;
    writeJson(this.storage, this.storageKey, { sessionId: this.#sessionId, entries: this.#entries });
  }
}

export function readJson(storage: Storage | undefined, key: string): Record<string, unknown> | undefined {
  const text = storage?.getItem(key);
  if (!text) return undefined;
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null ? (parsed as Record<string, unknown>) : undefined;
  } catch {
    storage?.removeItem(key); // not ours, or cut short: as good as absent
    return undefined;
  }
}

export function writeJson(storage: Storage | undefined, key: string, value: unknown): void {
  try {
    storage?.setItem(key, JSON.stringify(value));
  } catch (error) {
    console.warn("scriptapps: the browser's storage is full or closed", error);
  }
}
