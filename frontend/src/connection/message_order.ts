// Compressed messages inflate in the background; this keeps every message in the order of its arrival.
import type { ServerMessage as Message } from "../protocol/dec/messages";
import { ServerMessage } from "../protocol/schema";

export class MessageOrder {
  #waiting: Promise<void> | undefined;

  constructor(
    private readonly deliver: (message: Message) => void,
    private readonly fail: (error: unknown) => void,
  ) {}

  /** Takes one frame as it arrived. Delivers at once unless a message before it is still being inflated. */
  push(bytes: Uint8Array<ArrayBuffer>): void {
    const message = ServerMessage.decode(bytes);
    if (!message.deflated.length && !this.#waiting) {
      this.deliver(message);
      return;
    }
    const whole = message.deflated.length
      ? inflate(message.deflated).then((plain) => ServerMessage.decode(plain))
      : message;
    const turn = Promise.resolve(this.#waiting)
      .then(() => whole)
      .then((ready) => this.deliver(ready))
      .catch(this.fail);
    this.#waiting = turn;
    turn.finally(() => {
      if (this.#waiting === turn) this.#waiting = undefined;
    });
  }
}

async function inflate(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
