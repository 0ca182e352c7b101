// What the end of a socket means. The numbers are the contract with the server.

/** Why the page is at an end until the person does something; each has its text in strings.ts. */
export type EndReason = "closed_by_staff" | "other_tab" | "signed_out" | "forbidden" | "gone" | "protocol_error";

export type AfterClose =
  | { next: "connect" } // at once
  | { next: "wait"; jitter: "backoff" | "restart" } // full-jitter back-off, or 0-2 s
  | { next: "end"; reason: EndReason };

const AFTER_CLOSE: Record<number, AfterClose> = {
  4001: { next: "end", reason: "closed_by_staff" },
  4002: { next: "connect" },
  4009: { next: "end", reason: "other_tab" },
  4012: { next: "wait", jitter: "restart" },
  4015: { next: "end", reason: "closed_by_staff" }, // the message says which limit, the way on is the same
  4400: { next: "end", reason: "protocol_error" },
  4401: { next: "end", reason: "signed_out" },
  4403: { next: "end", reason: "forbidden" },
  4404: { next: "end", reason: "gone" },
};

/** Every other code (1001, 1006, 1011, 1012, 4013 ...) is a loss like any other: try again. */
export function afterClose(code: number): AfterClose {
  return AFTER_CLOSE[code] ?? { next: "wait", jitter: "backoff" };
}

/** Full jitter: anywhere between nothing and a limit that doubles from 0.2 s to 30 s. Milliseconds. */
export function backoffDelay(attempt: number, random: number): number {
  return random * Math.min(30_000, 200 * 2 ** Math.min(attempt, 20));
}
