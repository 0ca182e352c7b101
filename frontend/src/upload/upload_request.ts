// One file on its way to the server: by parts, so that neither side holds all of it, each sent again until the server
// has it. XMLHttpRequest, because fetch tells nothing about how much of a body is sent.
import type { FilesAddress } from "../state/page_state";

export type Failure =
  | "failed"
  | "incomplete"
  | "not_allowed"
  | "session_full"
  | "session_gone"
  | "site_full"
  | "too_large"
  | "too_many";

export interface UploadHandlers {
  /** From 0 to 1; `waiting` while the server does not answer. */
  progress(part: number, waiting: boolean): void;
  /** With the text that stands for the file in the widget's value. */
  done(wire: string): void;
  /** `again`: another attempt may help. */
  failed(failure: Failure, again: boolean): void;
}

interface Answer {
  id?: string;
  received?: number;
  file?: string;
  error?: string;
}

const OF_CODE: Record<string, Failure> = {
  incomplete: "incomplete",
  not_allowed: "not_allowed",
  origin: "not_allowed",
  session_full: "session_full",
  session_gone: "session_gone",
  site_full: "site_full",
  token: "not_allowed",
  too_large: "too_large",
  too_many: "too_many",
};
const MAX_NAME = 255;
const AWAY = [0, 502, 503, 504]; // nobody there, or a proxy says so
const PAUSES_MS = [500, 1000, 2000, 4000, 8000, 8000];
const TAKEN_PAUSE_MS = 1000; // another request is storing the part that is due

export class Upload {
  #id = ""; // of the file at the server, once its first part is there
  #received = 0;
  #attempt = 0;
  #request: XMLHttpRequest | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly file: File,
    private readonly partBytes: number,
    private readonly address: () => FilesAddress,
    private readonly handlers: UploadHandlers,
  ) {}

  /** Begins, or goes on after a failure with what is not there yet. */
  start(): void {
    this.#attempt = 0;
    this.#send();
  }

  /** Gives it up; the server forgets what it has. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#request?.abort();
    if (this.#id) takeBack(this.#id, this.address());
  }

  #send(): void {
    const { url, token } = this.address();
    const request = new XMLHttpRequest();
    this.#request = request;
    request.open(this.#id ? "PATCH" : "POST", this.#id ? `${url}${this.#id}/` : url);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("X-Scriptapps-Token", token);
    if (this.#id) request.setRequestHeader("X-Scriptapps-Offset", String(this.#received));
    else this.#describe(request);
    request.upload.onprogress = ({ loaded }) => this.#tell(this.#received + loaded);
    request.onerror = () => this.#later();
    request.onload = () => this.#answered(request.status, answerOf(request));
    request.send(this.file.slice(this.#received, this.#received + this.partBytes));
  }

  #describe(request: XMLHttpRequest): void {
    request.setRequestHeader("X-Scriptapps-Size", String(this.file.size));
    request.setRequestHeader("X-Scriptapps-Name", encodeURIComponent(printable(this.file.name)));
    if (/^[\x21-\x7e]+$/.test(this.file.type)) request.setRequestHeader("X-Scriptapps-Type", this.file.type);
  }

  #answered(status: number, { id, received, file, error }: Answer): void {
    const failure = (error && OF_CODE[error]) || (status === 413 ? "too_large" : "failed");
    if (file) this.handlers.done(file);
    else if (id && received !== undefined) this.#goOn(id, received);
    else if (AWAY.includes(status) || failure === "incomplete") this.#later();
    else this.handlers.failed(failure, failure === "failed");
  }

  #goOn(id: string, received: number): void {
    const isSame = received === this.#received;
    this.#id = id;
    this.#received = received;
    if (isSame) this.#later(TAKEN_PAUSE_MS);
    else this.start();
  }

  #later(pause = PAUSES_MS[this.#attempt]): void {
    this.#attempt++;
    if (pause === undefined || this.#attempt > PAUSES_MS.length) {
      this.handlers.failed("incomplete", true);
    } else {
      this.handlers.progress(this.#received / (this.file.size || 1), true);
      this.#timer = setTimeout(() => this.#send(), pause);
    }
  }

  #tell(sent: number): void {
    this.handlers.progress(Math.min(1, sent / (this.file.size || 1)), false);
  }
}

/** Tells the server that a file is not wanted any more; it keeps those that the script has. */
export function takeBack(fileId: string, { url, token }: FilesAddress): void {
  const headers = { "X-Scriptapps-Token": token };
  // Whatever comes of it: files that nothing uses are swept.
  void fetch(`${url}${fileId}/`, { method: "DELETE", headers, keepalive: true }).catch(() => {});
}

function answerOf(request: XMLHttpRequest): Answer {
  try {
    return JSON.parse(request.responseText);
  } catch {
    return {}; // of a proxy, or of an error page
  }
}

/** A name that can be percent-encoded: without half surrogate pairs, and not too long for a header. */
function printable(name: string): string {
  const extension = /\.[^.]{1,20}$/.exec(name)?.[0] ?? "";
  const stem = name.slice(0, name.length - extension.length);
  return (stem.slice(0, MAX_NAME) + extension).replace(
    /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
    "",
  );
}
