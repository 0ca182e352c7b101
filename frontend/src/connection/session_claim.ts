// Which script session this tab presents. The id of a tab's own session lives in sessionStorage, which a duplicated
// tab copies; a Web Lock on the id tells the copy from the original. Where there are no locks the server decides (4009).
export interface SessionClaim {
  /** The id to present, "" for a new session. Holds its lock from now on. */
  current(): Promise<string>;
  /** The session of the tab that this one was duplicated from, until keep(): the new one begins with its state. */
  original(): string;
  /** The server has named the session of this tab. */
  keep(sessionId: string): void;
  /** The session is over: present none next time. */
  drop(): void;
  setFingerprint(fingerprint: string): void;
}

/** A session that several pages share: no page owns it, and the server leads to it whoever presents none. */
export class SharedSessionClaim implements SessionClaim {
  constructor(private id: string) {}

  async current(): Promise<string> {
    return this.id;
  }

  original(): string {
    return "";
  }

  keep(sessionId: string): void {
    this.id = sessionId;
  }

  drop(): void {
    this.id = "";
  }

  setFingerprint(): void {}
}

const RELOAD_GRACE_MS = 400; // a page that is being replaced by this one may hold its lock a moment longer

export class TabSessionClaim implements SessionClaim {
  #held = "";
  #original = "";
  #release: (() => void) | undefined;

  constructor(
    private readonly key: string,
    private fingerprint: string,
    private offered: string, // a session that was started for this very page, "" if none
    private readonly storage: Storage | undefined,
    private readonly locks: LockManager | undefined,
  ) {}

  setFingerprint(fingerprint: string): void {
    this.fingerprint = fingerprint;
  }

  async current(): Promise<string> {
    const stored = this.#read();
    if (stored && (stored === this.#held || (await this.#lock(stored)))) return stored;
    if (stored) {
      this.#original = stored; // another open tab has it: this one is its copy
      this.storage?.removeItem(this.key);
    }
    const offered = this.offered;
    this.offered = "";
    if (offered && (await this.#lock(offered))) return offered;
    return "";
  }

  original(): string {
    return this.#original;
  }

  keep(sessionId: string): void {
    this.#original = "";
    try {
      this.storage?.setItem(this.key, JSON.stringify({ session: sessionId, fingerprint: this.fingerprint }));
    } catch (error) {
      console.warn("scriptapps: a reload will start anew, the browser's storage is closed", error);
    }
    if (sessionId !== this.#held) void this.#lock(sessionId);
  }

  drop(): void {
    this.#original = "";
    this.storage?.removeItem(this.key);
    this.offered = "";
    this.#unlock();
  }

  #read(): string {
    try {
      const { session, fingerprint } = JSON.parse(this.storage?.getItem(this.key) ?? "{}");
      return typeof session === "string" && fingerprint === this.fingerprint ? session : "";
    } catch {
      return ""; // written by something else
    }
  }

  #unlock(): void {
    this.#release?.();
    this.#release = undefined;
    this.#held = "";
  }

  async #lock(sessionId: string): Promise<boolean> {
    this.#unlock();
    const { locks } = this;
    if (!locks) {
      this.#held = sessionId;
      return true;
    }
    const name = `scriptapps:${sessionId}`;
    const got = (await this.#request(locks, name, { ifAvailable: true })) || (await this.#waitFor(locks, name));
    if (got) this.#held = sessionId;
    return got;
  }

  #waitFor(locks: LockManager, name: string): Promise<boolean> {
    const giveUp = new AbortController();
    const timer = setTimeout(() => giveUp.abort(), RELOAD_GRACE_MS);
    return this.#request(locks, name, { signal: giveUp.signal }).finally(() => clearTimeout(timer));
  }

  #request(locks: LockManager, name: string, options: LockOptions): Promise<boolean> {
    return new Promise((resolve) => {
      locks
        .request(name, options, (lock) => {
          resolve(lock !== null);
          return lock ? new Promise<void>((release) => this.#holdUntil(release)) : undefined;
        })
        .catch(() => resolve(false)); // aborted: somebody else keeps it
    });
  }

  #holdUntil(release: () => void): void {
    this.#release = release;
  }
}
