// A websocket whose other end is the test.
import type { ClientMessage as Message, ServerMessage } from "../src/protocol/dec/messages";
import { ClientMessage, ServerMessage as Schema } from "../src/protocol/schema";
import { serverMessage } from "./build_nodes";

export class FakeSocket {
  static all: FakeSocket[] = [];
  static OPEN = 1;
  binaryType = "";
  readyState = FakeSocket.OPEN;
  closed = false;
  sent: Message[] = [];
  onopen: () => void = () => {};
  onmessage: (event: { data: ArrayBuffer }) => void = () => {};
  onclose: (event: { code: number }) => void = () => {};

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    FakeSocket.all.push(this);
  }

  static get last(): FakeSocket {
    return FakeSocket.all[FakeSocket.all.length - 1] as FakeSocket;
  }

  send(bytes: Uint8Array): void {
    this.sent.push(ClientMessage.decode(bytes));
  }

  close(): void {
    this.closed = true;
  }

  /** What arrives from the server. */
  say(parts: Partial<ServerMessage>): void {
    this.onmessage({ data: Schema.encode(serverMessage(parts)).buffer });
  }

  kinds(): (string | undefined)[] {
    return this.sent.map((message) => message.kind?.$case);
  }
}

export const welcome = (sessionId: string, parts: object = {}) => ({
  protocolVersion: 1,
  sessionId,
  runOnSave: false,
  debug: false,
  heartbeatSeconds: 5,
  readOnly: false,
  ...parts,
});
