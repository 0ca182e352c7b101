import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { backoffDelay } from "../src/connection/close_codes";
import { SharedSessionClaim, TabSessionClaim } from "../src/connection/session_claim";
import { PageSocket } from "../src/connection/socket";
import type { ServerMessage } from "../src/protocol/dec/messages";
import { ServerMessage as Schema } from "../src/protocol/schema";
import { serverMessage } from "./build_nodes";
import { FakeSocket, welcome } from "./fake_socket";

let states: string[];
let received: ServerMessage[];
let status: object | undefined;
let asked: string[];
let signals: AbortSignal[];
let socket: PageSocket;
const settle = () => vi.advanceTimersByTimeAsync(0);

function makeSocket(session = "") {
  return new PageSocket({
    socketUrl: "/apps/a/ws/",
    statusUrl: "/apps/a/status/",
    token: "t0",
    claim: new TabSessionClaim("scriptapps:/apps/a/ws/", "f0", session, sessionStorage, undefined),
    attach: () => ({
      seq: 0,
      kind: {
        $case: "attach",
        value: { protocolVersion: 1, clientId: "c", queryString: "", timezone: "", locale: "", hidden: false },
      },
    }),
    onMessage: (message) => received.push(message),
    onState: (state, reason) => states.push(reason ? `${state}: ${reason}` : state),
    onLoginUrl: () => {},
    openSocket: (url, protocols) => new FakeSocket(url, protocols) as unknown as WebSocket,
    fetch: (async (url: URL, { signal }: { signal: AbortSignal }) => {
      asked.push(url.search);
      signals.push(signal);
      if (!status) throw new TypeError("no network");
      return { ok: true, json: async () => status };
    }) as unknown as typeof fetch,
    random: () => 0.5,
  });
}

async function goLive(session = "") {
  socket = makeSocket(session);
  await socket.start();
  FakeSocket.last.onopen();
  FakeSocket.last.say({ batch: 1, welcome: welcome("s1") });
}

beforeEach(() => {
  vi.useFakeTimers();
  sessionStorage.clear();
  FakeSocket.all = [];
  [states, received, asked, signals, status] = [[], [], [], [], { state: "ok" }];
});
afterEach(() => {
  socket.stop();
  vi.useRealTimers();
});

describe("the handshake", () => {
  it("presents token and session, attaches, and is live with the welcome", async () => {
    await goLive("preheated");
    expect(FakeSocket.last.protocols).toEqual(["scriptapps.v1", "token.t0", "session.preheated"]);
    expect(FakeSocket.last.url).toMatch(/^ws:/);
    expect(states).toEqual(["opening", "attaching", "live"]);
    expect(FakeSocket.last.kinds()).toEqual(["attach"]);
    expect(JSON.parse(sessionStorage.getItem("scriptapps:/apps/a/ws/") ?? "")).toEqual({
      session: "s1",
      fingerprint: "f0",
    });
  });

  it("prefers the tab's own session, unless it belongs to another sign-in", async () => {
    const key = "scriptapps:/apps/a/ws/";
    sessionStorage.setItem(key, JSON.stringify({ session: "mine", fingerprint: "f0" }));
    await goLive("preheated");
    expect(FakeSocket.last.protocols).toContain("session.mine");
    socket.stop();
    sessionStorage.setItem(key, JSON.stringify({ session: "mine", fingerprint: "other" }));
    await goLive("preheated");
    expect(FakeSocket.last.protocols).toContain("session.preheated");
  });

  it("asks why it was refused and takes the new token", async () => {
    socket = makeSocket("old");
    status = { state: "ok", token: "t1", fingerprint: "f1", resume: false, session: "new" };
    await socket.start();
    FakeSocket.last.onclose({ code: 1006 });
    await settle();
    expect(asked).toEqual(["?session=old"]);
    await vi.advanceTimersByTimeAsync(200);
    expect(FakeSocket.last.protocols).toEqual(["scriptapps.v1", "token.t1", "session.new"]);
  });

  it.each([["signed_out"], ["forbidden"], ["gone"]])("ends where the answer is %s", async (state) => {
    socket = makeSocket();
    status = { state };
    await socket.start();
    FakeSocket.last.onclose({ code: 1006 });
    await settle();
    expect(states.at(-1)).toBe(`ended: ${state}`);
  });

  it("goes on trying without a network", async () => {
    socket = makeSocket();
    status = undefined;
    await socket.start();
    for (let i = 0; i < 12; i++) {
      FakeSocket.last.onclose({ code: 1006 });
      await settle();
      await vi.advanceTimersToNextTimerAsync();
    }
    expect(FakeSocket.all).toHaveLength(13);
  });
});

describe("the end of a socket", () => {
  it.each([
    [4001, "ended: closed_by_staff"],
    [4002, "opening"],
    [4009, "ended: other_tab"],
    [4012, "waiting"],
    [4013, "waiting"],
    [4400, "ended: protocol_error"],
    [4401, "ended: signed_out"],
    [4403, "ended: forbidden"],
    [4015, "ended: closed_by_staff"],
    [4404, "ended: gone"],
    [1006, "waiting"],
    [1011, "waiting"],
  ])("with code %i leads to %s", async (code, state) => {
    await goLive();
    FakeSocket.last.onclose({ code });
    expect(states.at(-1)).toBe(state);
  });

  it("starts anew or goes on, as the person says", async () => {
    await goLive();
    FakeSocket.last.onclose({ code: 4009 });
    socket.again(true);
    await settle();
    expect(FakeSocket.last.protocols).toContain("session.s1");
    FakeSocket.last.onopen();
    FakeSocket.last.onclose({ code: 4001 });
    socket.again(false);
    await settle();
    expect(FakeSocket.last.protocols).toHaveLength(2);
  });

  it("is hurried by the network's return", async () => {
    await goLive();
    FakeSocket.last.onclose({ code: 1006 });
    socket.hurry();
    await settle();
    expect(FakeSocket.all).toHaveLength(2);
    // A tab that is looked at waits for its socket; a network that is back has forgotten it.
    socket.hurry();
    await settle();
    expect(FakeSocket.all).toHaveLength(2);
    socket.hurry(true);
    await settle();
    expect(FakeSocket.all).toHaveLength(3);
  });

  it("is followed by another attempt when the question why is never answered", async () => {
    socket = makeSocket();
    status = new Promise<never>(() => {});
    await socket.start();
    FakeSocket.last.onclose({ code: 1006 });
    await settle();
    expect(states.at(-1)).toBe("checking");
    expect(signals[0]?.aborted).toBe(false);
    socket.hurry();
    await settle();
    expect(FakeSocket.all).toHaveLength(2);
  });

  it("is assumed when a ping stays unanswered", async () => {
    await goLive();
    await vi.advanceTimersByTimeAsync(5000);
    FakeSocket.last.say({ pong: { number: 1 } });
    await vi.advanceTimersByTimeAsync(11_500);
    expect(states.at(-1)).toBe("live");
    expect(FakeSocket.last.kinds().filter((kind) => kind === "ping")).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(500);
    expect(FakeSocket.all[0]?.closed).toBe(true);
    expect(states).toContain("waiting");
  });

  it("is known to the socket before the page is told", async () => {
    await goLive();
    FakeSocket.last.readyState = WebSocket.CLOSING;
    expect(socket.send({ seq: 1, kind: { $case: "rerun", value: {} } })).toBe(false);
    expect(FakeSocket.last.kinds()).toEqual(["attach"]);
  });

  it("is looked for at once when the tab is looked at again", async () => {
    await goLive();
    socket.hurry();
    expect(FakeSocket.last.kinds().at(-1)).toBe("ping");
    FakeSocket.last.say({ pong: { number: 1 } });
    await vi.advanceTimersByTimeAsync(4900);
    socket.hurry();
    await vi.advanceTimersByTimeAsync(4900);
    expect(states.at(-1)).toBe("live");
    await vi.advanceTimersByTimeAsync(100);
    expect(states.at(-1)).toBe("waiting");
  });

  it("is assumed when nobody welcomes the page", async () => {
    socket = makeSocket();
    await socket.start();
    FakeSocket.last.onopen();
    await vi.advanceTimersByTimeAsync(44_999);
    expect(states.at(-1)).toBe("attaching");
    await vi.advanceTimersByTimeAsync(1);
    expect(states.at(-1)).toBe("waiting");
  });

  it("backs off with full jitter, from 0.2 s to 30 s", () => {
    expect(backoffDelay(0, 1)).toBe(200);
    expect(backoffDelay(3, 0.5)).toBe(800);
    expect(backoffDelay(50, 1)).toBe(30_000);
    expect(backoffDelay(50, 0)).toBe(0);
  });
});

async function deflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

describe("messages", () => {
  it("keep their order where one must be inflated", async () => {
    await goLive();
    vi.useRealTimers();
    const deflated = await deflate(Schema.encode(serverMessage({ batch: 2 })));
    FakeSocket.last.say({ deflated });
    FakeSocket.last.say({ batch: 3 });
    await vi.waitFor(() => expect(received).toHaveLength(3));
    expect(received.map((message) => message.batch)).toEqual([1, 2, 3]);
  });

  it("that cannot be read end the page with a reason", async () => {
    vi.spyOn(console, "error").mockReturnValue();
    await goLive();
    FakeSocket.last.onmessage({ data: Uint8Array.of(0x08, 0x80).buffer });
    expect(states.at(-1)).toBe("ended: protocol_error");
  });
});

describe("the session claim", () => {
  it("does not present a session that another open tab holds", async () => {
    socket = makeSocket();
    const locks = {
      request: async (_name: string, options: LockOptions, use: (lock: Lock | null) => unknown) =>
        options.ifAvailable ? use(null) : Promise.reject(new DOMException("", "AbortError")),
    };
    sessionStorage.setItem("k", JSON.stringify({ session: "copied", fingerprint: "f" }));
    const claim = new TabSessionClaim("k", "f", "", sessionStorage, locks as unknown as LockManager);
    expect(await claim.current()).toBe("");
    expect(sessionStorage.getItem("k")).toBeNull();
    expect(claim.original()).toBe("copied");
    claim.keep("own");
    expect(claim.original()).toBe("");
  });

  it("of a shared session is no tab's own", async () => {
    const claim = new SharedSessionClaim("offered");
    expect(await claim.current()).toBe("offered");
    claim.keep("named");
    expect(await claim.current()).toBe("named");
    expect(sessionStorage.length).toBe(0);
    expect(claim.original()).toBe("");
    claim.drop();
    expect(await claim.current()).toBe("");
  });
});
