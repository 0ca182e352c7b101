// The one websocket of a page, its reconnects and its heartbeat.
//
//   state        event                                   next state
//   ----------   -------------------------------------   -------------------------------------------
//   idle         start                                   opening
//   opening      socket open                             attaching (Attach is sent)
//   opening      closed before it was open, or in 10 s   checking (asks status-url why)
//   attaching    first message (welcome)                 live
//   attaching,   close code: at once | wait | end        opening | waiting | ended   (close_codes.ts)
//   live         a ping is not answered in time          waiting
//   attaching    no welcome in 45 s                      waiting
//   checking     "ok", or no answer                      waiting (new token; session kept if resumable)
//   checking     "signed_out" "forbidden" "gone"         ended
//   waiting      time is over                            opening
//   waiting,     network back, tab shown                 opening
//   checking
//   opening,     network back                            opening
//   attaching
//   live         network back, tab shown                 live (a ping has to be answered in 5 s)
//   ended        the person says "again" / "use here"    opening
//   any          stop                                    idle
import type { ClientMessage, ServerMessage } from "../protocol/dec/messages";
import { ClientMessage as ClientSchema } from "../protocol/schema";
import { afterClose, backoffDelay, type EndReason } from "./close_codes";
import { MessageOrder } from "./message_order";
import type { SessionClaim } from "./session_claim";

export const PROTOCOL_VERSION = 1;
const SUBPROTOCOL = "scriptapps.v1";
const OPEN_TIMEOUT_MS = 10_000;
const ATTACH_TIMEOUT_MS = 45_000; // another process may have to give the session up first
const PROBE_MS = 5_000;
const PATIENCE = 20 / 15; // of a heartbeat: 35 s of silence at 15 s

export type ConnectionState = "idle" | "opening" | "attaching" | "live" | "checking" | "waiting" | "ended";

export interface SocketOptions {
  socketUrl: string;
  statusUrl: string;
  token: string;
  claim: SessionClaim;
  attach: () => ClientMessage;
  onMessage: (message: ServerMessage) => void;
  onState: (state: ConnectionState, reason: EndReason | undefined) => void;
  /** Where to sign in, and what the site's people say about the end. */
  onLoginUrl: (url: string, message?: string) => void;
  /** Of the outside world; replaced in tests. */
  openSocket?: (url: string, protocols: string[]) => WebSocket;
  fetch?: typeof fetch;
  random?: () => number;
}

interface Status {
  state: "ok" | "signed_out" | "forbidden" | "gone";
  token?: string;
  fingerprint?: string;
  login_url?: string;
  resume?: boolean;
  session?: string;
  message?: string;
}

export class PageSocket {
  #state: ConnectionState = "idle";
  #socket: WebSocket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #heartbeat: ReturnType<typeof setInterval> | undefined;
  #attempt = 0;
  #pings = 0;
  #answer: ReturnType<typeof setTimeout> | undefined; // set while a ping waits for one
  #token: string;
  #presented = "";

  constructor(private readonly options: SocketOptions) {
    this.#token = options.token;
  }

  get token(): string {
    return this.#token;
  }

  /** Opens the socket, from any state. */
  async start(): Promise<void> {
    this.#dropSocket();
    this.#enter("opening");
    this.#presented = await this.options.claim.current();
    if (this.#state === "opening" && !this.#socket) this.#open();
  }

  /** Closes it for good: the page goes away. */
  stop(): void {
    this.#dropSocket();
    this.#enter("idle");
  }

  /** The network is back or the tab is looked at again: sit out no long wait, and trust no socket that may be dead. */
  hurry(networkBack = false): void {
    const state = this.#state;
    if (state === "live") {
      this.#heard();
      this.#ping(PROBE_MS);
    } else if (state === "waiting" || state === "checking" || (networkBack && this.#socket)) void this.start();
  }

  /** After "ended": once more, with the session or with a new one. */
  again(keepSession: boolean): void {
    if (!keepSession) this.options.claim.drop();
    this.#attempt = 0;
    void this.start();
  }

  /** Sends if the server has welcomed this page; false = it has not, keep the message. */
  send(message: ClientMessage): boolean {
    const socket = this.#socket;
    // A tab that was frozen is told of the end only after its timers and the person's clicks.
    if (this.#state !== "live" || !socket || socket.readyState > WebSocket.OPEN) return false;
    socket.send(ClientSchema.encode(message));
    return true;
  }

  /** The server's wish, from Welcome: a ping each `seconds`. */
  beat(seconds: number): void {
    clearInterval(this.#heartbeat);
    if (seconds > 0) this.#heartbeat = setInterval(() => this.#ping(seconds * 1000 * PATIENCE), seconds * 1000);
  }

  #open(): void {
    const { socketUrl, openSocket = (url, protocols) => new WebSocket(url, protocols) } = this.options;
    const protocols = [SUBPROTOCOL, `token.${this.#token}`];
    if (this.#presented) protocols.push(`session.${this.#presented}`);
    const original = this.options.claim.original();
    if (original) protocols.push(`copy.${original}`);
    const socket = openSocket(new URL(socketUrl, location.href).href.replace(/^http/, "ws"), protocols);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#refused(), OPEN_TIMEOUT_MS);
    const order = new MessageOrder(
      (message) => socket === this.#socket && this.#receive(message),
      (error) => socket === this.#socket && this.#unreadable(error),
    );
    socket.onopen = () => {
      if (socket === this.#socket) this.#attach();
    };
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      try {
        order.push(new Uint8Array(data));
      } catch (error) {
        this.#unreadable(error);
      }
    };
    socket.onclose = ({ code }) => {
      if (socket !== this.#socket) return;
      if (this.#state === "opening") void this.#refused();
      else this.#closed(code);
    };
  }

  #attach(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#lost(), ATTACH_TIMEOUT_MS);
    this.#enter("attaching");
    this.#socket?.send(ClientSchema.encode(this.options.attach()));
  }

  #receive(message: ServerMessage): void {
    this.#heard();
    if (message.welcome) {
      clearTimeout(this.#timer);
      this.#attempt = 0;
      this.options.claim.keep(message.welcome.sessionId);
      this.beat(message.welcome.heartbeatSeconds);
      this.#enter("live");
    }
    this.options.onMessage(message);
  }

  #unreadable(error: unknown): void {
    console.error("scriptapps: a message could not be read", error);
    this.#dropSocket();
    this.#enter("ended", "protocol_error");
  }

  #closed(code: number): void {
    this.#dropSocket();
    const after = afterClose(code);
    if (after.next === "connect") void this.start();
    else if (after.next === "end") this.#enter("ended", after.reason);
    else this.#wait(after.jitter === "restart" ? this.#random() * 2000 : undefined);
  }

  // The handshake was refused or nobody answered: a browser does not say which, so ask over HTTP.
  async #refused(): Promise<void> {
    this.#dropSocket();
    this.#enter("checking");
    const status = await this.#askStatus();
    if (this.#state !== "checking") return;
    if (status?.login_url) this.options.onLoginUrl(status.login_url, status.message);
    if (status && status.state !== "ok") {
      this.#enter("ended", status.state);
      return;
    }
    if (status) this.#takeStatus(status);
    this.#wait();
  }

  async #askStatus(): Promise<Status | undefined> {
    const url = new URL(this.options.statusUrl, location.href);
    if (this.#presented) url.searchParams.set("session", this.#presented);
    try {
      const answer = await (this.options.fetch ?? fetch)(url, {
        headers: { Accept: "application/json" },
        cache: "no-store",
        signal: AbortSignal.timeout(OPEN_TIMEOUT_MS), // a request that was lost on its way is never answered
      });
      return answer.ok ? ((await answer.json()) as Status) : undefined;
    } catch {
      return undefined; // no network: the same as a server that is away
    }
  }

  #takeStatus({ token, fingerprint, resume, session }: Status): void {
    const { claim } = this.options;
    if (token) this.#token = token;
    if (resume === false && this.#presented) claim.drop();
    if (fingerprint) claim.setFingerprint(fingerprint);
    if (session && resume === false) claim.keep(session);
  }

  #wait(delay = backoffDelay(this.#attempt, this.#random())): void {
    this.#attempt++;
    this.#enter("waiting");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.start(), delay);
  }

  #ping(patience: number): void {
    this.#answer ??= setTimeout(() => this.#lost(), patience);
    this.send({ seq: 0, kind: { $case: "ping", value: { number: ++this.#pings } } });
  }

  #heard(): void {
    clearTimeout(this.#answer);
    this.#answer = undefined;
  }

  #lost(): void {
    this.#dropSocket();
    this.#wait();
  }

  #dropSocket(): void {
    clearTimeout(this.#timer);
    clearInterval(this.#heartbeat);
    this.#heard();
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
  }

  #enter(state: ConnectionState, reason?: EndReason): void {
    this.#state = state;
    this.options.onState(state, reason);
  }

  #random(): number {
    return (this.options.random ?? Math.random)();
  }
}
