// The page as a whole, against a fake socket.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LivePage } from "../src/page/live_page";
import { Outcome } from "../src/protocol/dec/messages";
import { Snapshot } from "../src/protocol/schema";
import { insert, node, set, text } from "./build_nodes";
import { FakeSocket, welcome } from "./fake_socket";

const settings = {
  socketUrl: "/apps/a/ws/",
  statusUrl: "/apps/a/status/",
  token: "t",
  fingerprint: "f",
  session: "",
  shared: false,
  title: "A",
  loginUrl: "/login/",
  debug: false,
  userName: "",
  frozenUrl: "",
  savedBy: "",
  savedAt: "",
  ownsDocument: true,
};
const roots = () => [
  node(1, { kind: "root", children: [node(3, { kind: "text_input", widgetId: "w", value: text("a") })] }),
];
const snapshot = () => ({ roots: roots(), pageConfig: undefined, runId: "r", running: false });

let page: LivePage;
let stop: () => void;

async function attach(parts = {}) {
  page = new LivePage(settings);
  stop = page.start();
  await vi.waitFor(() => expect(FakeSocket.all).toHaveLength(1));
  FakeSocket.last.onopen();
  FakeSocket.last.say({ batch: 1, welcome: welcome("s1", parts), snapshot: snapshot() });
}

beforeEach(() => {
  FakeSocket.all = [];
  sessionStorage.clear();
  stop = () => {};
  vi.stubGlobal("WebSocket", FakeSocket);
});
afterEach(() => {
  stop();
  vi.unstubAllGlobals();
});

describe("a reload", () => {
  const typed = (value: string) => ({ $case: "text" as const, value });

  async function reload(session = "s1") {
    vi.spyOn(document, "hidden", "get").mockReturnValue(true);
    document.dispatchEvent(new Event("visibilitychange"));
    stop();
    vi.restoreAllMocks();
    FakeSocket.all = [];
    page = new LivePage(settings);
    stop = page.start();
    await vi.waitFor(() => expect(FakeSocket.all).toHaveLength(1));
    FakeSocket.last.onopen();
    FakeSocket.last.say({ batch: 1, welcome: welcome(session), snapshot: snapshot() });
  }

  it("keeps what was entered and not sent", async () => {
    await attach();
    page.values.typed.set("note", "half a");
    page.values.setDraft("w", typed("a draft"));
    await reload();
    expect(page.values.typed.get("note")).toBe("half a");
    expect(page.values.of("w").peek()).toEqual(typed("a draft"));
    expect(page.values.takeDrafts(["w"])).toHaveLength(1);
    await reload();
    expect(page.values.of("w").peek()).toEqual(typed("a"));
  });

  it("keeps it also where the server has to run the script first", async () => {
    await attach();
    page.values.setDraft("later", typed("a draft"));
    await reload();
    await reload();
    FakeSocket.last.say({ batch: 2, deltas: [insert(1, 1, node(9, { widgetId: "later", value: text("") }))] });
    expect(page.values.of("later").peek()).toEqual(typed("a draft"));
  });

  it("keeps no secrets, and nothing for another session", async () => {
    await attach();
    page.values.setDraft("w", typed("password"), true);
    await reload();
    expect(page.values.of("w").peek()).toEqual(typed("a"));
    page.values.setDraft("w", typed("a draft"));
    await reload("s2");
    expect(page.values.of("w").peek()).toEqual(typed("a"));
  });
});

describe("a live page", () => {
  it("keeps what staff say when they close it", async () => {
    await attach();
    FakeSocket.last.say({ errors: [{ code: "closed", message: "Back at noon.", reference: "", seq: 0 }] });
    FakeSocket.last.onclose({ code: 4001 });
    expect(page.endReason.value).toBe("closed_by_staff");
    expect(page.endMessage.value).toBe("Back at noon.");
    expect(page.toasts.value).toEqual([]);
  });

  it("shows the snapshot and acknowledges batches after applying them", async () => {
    await attach();
    FakeSocket.last.say({ batch: 2, deltas: [insert(1, 0, node(9))] });
    expect(page.tree.find(9)).toBeTruthy();
    const acks = FakeSocket.last.sent.flatMap(({ kind }) => (kind?.$case === "ack" ? [kind.value.batch] : []));
    expect(acks).toEqual([1, 2]);
  });

  it("asks for a snapshot after a gap, and after a delta that does not fit", async () => {
    vi.spyOn(console, "warn").mockReturnValue();
    await attach();
    FakeSocket.last.say({ batch: 3, deltas: [insert(1, 0, node(9))] });
    expect(FakeSocket.last.kinds()).toContain("requestSnapshot");
    expect(page.tree.find(9)).toBeUndefined();
    FakeSocket.last.say({ batch: 4, snapshot: snapshot() });
    FakeSocket.last.say({ batch: 5, deltas: [set(77, {})] });
    expect(FakeSocket.last.kinds().filter((kind) => kind === "requestSnapshot")).toHaveLength(2);
  });

  it("shows the old page until a server that came back has finished its first run", async () => {
    await attach();
    const shown = page.tree.find(3);
    const empty = { ...snapshot(), roots: [node(1, { kind: "root" })], runId: "", running: true };
    FakeSocket.last.say({ batch: 2, snapshot: empty });
    FakeSocket.last.say({ batch: 3, deltas: [insert(1, 0, node(9))] });
    expect(page.tree.find(3)).toBe(shown);
    expect(page.running.value).toBe(true);
    expect(FakeSocket.last.kinds()).not.toContain("requestSnapshot");
    FakeSocket.last.say({
      batch: 4,
      runFinished: { runId: "r2", outcome: Outcome.COMPLETED, durationMs: 1, message: "" },
    });
    expect(FakeSocket.last.kinds()).toContain("requestSnapshot");
    FakeSocket.last.say({ batch: 5, snapshot: snapshot() });
    expect(page.tree.find(3)).toBe(shown);
    FakeSocket.last.say({ batch: 6, deltas: [insert(1, 0, node(9))] });
    expect(page.tree.find(9)).toBeTruthy();
  });

  it("keeps a value younger than what the server has seen", async () => {
    await attach();
    page.values.setLocal("w", { $case: "text", value: "b" });
    page.events.putValue("w", text("b"));
    FakeSocket.last.say({ batch: 2, seenSeq: 0, deltas: [set(3, { value: text("a2") })] });
    expect(page.values.of("w").value?.value).toBe("b");
    FakeSocket.last.say({ batch: 3, seenSeq: 1, deltas: [set(3, { value: text("c") })] });
    expect(page.values.of("w").value?.value).toBe("c");
  });

  it("is stale after a loss until the next snapshot, and sends again what was not acknowledged", async () => {
    await attach();
    page.events.putValue("w", text("b"));
    const lost = FakeSocket.last;
    lost.onclose({ code: 4002 });
    expect(page.stale.value).toBe(true);
    await vi.waitFor(() => expect(FakeSocket.all).toHaveLength(2));
    FakeSocket.last.onopen();
    FakeSocket.last.say({ batch: 1, welcome: welcome("s1"), snapshot: snapshot() });
    expect(page.stale.value).toBe(false);
    const events = FakeSocket.last.sent.filter(({ seq }) => seq > 0);
    expect(events).toEqual(lost.sent.filter(({ seq }) => seq > 0));
    const ids = [lost, FakeSocket.last].map(({ sent }) =>
      sent[0]?.kind?.$case === "attach" ? sent[0].kind.value.clientId : "",
    );
    expect(ids[0]).toBe(ids[1]);
  });

  it("sends what was done meanwhile only after what was sent before", async () => {
    await attach();
    for (const widget of ["w", "x"]) page.events.putValue(widget, text("sent"));
    FakeSocket.last.onclose({ code: 4002 });
    page.events.putValue("y", text("meanwhile"));
    await vi.waitFor(() => expect(FakeSocket.all).toHaveLength(2));
    FakeSocket.last.onopen();
    FakeSocket.last.say({ batch: 1, ackedSeq: 1, welcome: welcome("s1"), snapshot: snapshot() });
    // The server takes a number below one that it has seen for a repetition.
    expect(FakeSocket.last.sent.flatMap(({ seq }) => seq || [])).toEqual([2, 3]);
  });

  it("drops events meant for another session", async () => {
    await attach();
    page.events.putValue("w", text("b"));
    FakeSocket.last.onclose({ code: 4002 });
    await vi.waitFor(() => expect(FakeSocket.all).toHaveLength(2));
    FakeSocket.last.onopen();
    FakeSocket.last.say({ batch: 1, welcome: welcome("s2"), snapshot: snapshot() });
    expect(page.events.size).toBe(0);
  });

  it("follows the run and says how it ended where that matters", async () => {
    await attach();
    FakeSocket.last.say({ batch: 2, runStarted: { runId: "r2", trigger: "widget", detail: "Heat" } });
    expect(page.running.value).toBe(true);
    expect(page.why.value).toBe("widget: Heat");
    FakeSocket.last.say({
      batch: 3,
      runFinished: { runId: "r2", outcome: Outcome.DEADLINE, durationMs: 1, message: "It took too long." },
    });
    expect(page.running.value).toBe(false);
    expect(page.why.value).toBe("widget: Heat · 1 ms · 0 deltas");
    expect(page.toasts.value.map(({ text, bad }) => [text, bad])).toEqual([["It took too long.", true]]);
  });

  it("refuses commands for a viewer who may only watch", async () => {
    await attach({ readOnly: true });
    page.rerun();
    expect(page.readOnly.value).toBe(true);
    expect(FakeSocket.last.kinds()).not.toContain("rerun");
  });
});

describe("a saved page", () => {
  it("shows the snapshot without a socket, read-only", async () => {
    const bytes = Snapshot.encode(snapshot());
    vi.stubGlobal("fetch", async () => ({ ok: true, arrayBuffer: async () => bytes.buffer }));
    page = new LivePage({ ...settings, frozenUrl: "/apps/a/saved/1/data/" });
    page.start();
    await vi.waitFor(() => expect(page.tree.find(3)).toBeTruthy());
    expect(FakeSocket.all).toHaveLength(0);
    expect(page.readOnly.value).toBe(true);
  });
});
