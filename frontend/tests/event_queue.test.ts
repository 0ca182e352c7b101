import { beforeEach, describe, expect, it } from "vitest";
import type { ClientMessage } from "../src/protocol/dec/messages";
import { EventQueue } from "../src/state/event_queue";
import { WidgetValues } from "../src/state/widget_values";
import { text } from "./build_nodes";

let sent: ClientMessage[];
let online: boolean;
let soon: (() => void)[];
let queue: EventQueue;
const click = (widgetId: string) =>
  queue.putWidgets([{ widgetId, value: { kind: { $case: "trigger", value: true } } }]);
const seqs = () => sent.map((message) => message.seq);
const valueOf = (message: ClientMessage | undefined) =>
  message?.kind?.$case === "widgetEvents" ? message.kind.value.events[0]?.value?.kind?.value : undefined;
const nextFrame = () => {
  for (const callback of soon.splice(0)) callback();
};

beforeEach(() => {
  [sent, online, soon] = [[], true, []];
  queue = new EventQueue(
    (message) => {
      if (online) sent.push(message);
      return online;
    },
    (callback) => soon.push(callback),
  );
});

describe("event queue", () => {
  it("numbers events and forgets what is acknowledged", () => {
    queue.putValue("a", text("1"));
    queue.putValue("a", text("2"));
    expect(seqs()).toEqual([1, 2]);
    queue.acknowledge(1);
    expect(queue.size).toBe(1);
  });

  it("replaces an unsent value of the same widget by the newer one", () => {
    online = false;
    queue.putValue("a", text("1"));
    queue.putValue("b", text("x"));
    queue.putValue("a", text("2"));
    online = true;
    queue.replay(0);
    expect(sent.map(valueOf)).toEqual(["2", "x"]);
  });

  it("never merges clicks, nor values across a click", () => {
    online = false;
    queue.putValue("a", text("1"));
    click("go");
    click("go");
    queue.putValue("a", text("2"));
    online = true;
    queue.replay(0);
    expect(sent.map(valueOf)).toEqual(["1", true, true, "2"]);
  });

  it("sends unacknowledged events again with their numbers, then the rest", () => {
    queue.putValue("a", text("1"));
    queue.putValue("b", text("2"));
    online = false;
    click("go");
    [sent, online] = [[], true];
    queue.replay(1);
    expect(seqs()).toEqual([2, 3]);
  });

  it("has one paced value in flight, then sends the newest", () => {
    for (const value of ["1", "2"]) queue.putValue("s", text(value), true);
    nextFrame();
    expect(sent.map(valueOf)).toEqual(["2"]);
    for (const value of ["3", "4", "5"]) {
      queue.putValue("s", text(value), true);
      nextFrame();
    }
    expect(sent).toHaveLength(1);
    queue.acknowledge(1);
    expect(sent.map(valueOf)).toEqual(["2", "5"]);
  });

  it("lets a held value go when the person lets go, or does something else", () => {
    queue.putValue("s", text("1"), true);
    nextFrame();
    queue.putValue("s", text("2"), true);
    queue.release("s");
    expect(sent.map(valueOf)).toEqual(["1", "2"]);
    queue.putValue("s", text("3"), true);
    click("go");
    expect(sent.map(valueOf)).toEqual(["1", "2", "3", true]);
  });
});

describe("widget values", () => {
  it("yield to the server unless the person was quicker", () => {
    const values = new WidgetValues((id, seq) => queue.hasYounger(id, seq));
    const shown = () => values.of("a").value?.value;
    values.takeServer("a", text("old"), 0, true);
    values.setLocal("a", { $case: "text", value: "mine" });
    queue.putValue("a", text("mine"));
    values.takeServer("a", text("late"), 0, false);
    expect(shown()).toBe("mine");
    values.takeServer("a", text("reset"), 1, false);
    expect(shown()).toBe("reset");
  });

  it("keep a draft over a snapshot, not over a value the script sets", () => {
    const values = new WidgetValues(() => false);
    values.setDraft("a", { $case: "text", value: "draft" });
    values.takeServer("a", text("old"), 5, true);
    expect(values.of("a").value?.value).toBe("draft");
    values.takeServer("a", text("set"), 5, false);
    expect(values.of("a").value?.value).toBe("set");
    expect(values.takeDrafts(["a"])).toEqual([]);
  });

  it("keep a draft over what somebody else enters on a shared page", () => {
    const values = new WidgetValues(() => false, true);
    values.takeServer("a", text("theirs"), 0, false);
    expect(values.of("a").value?.value).toBe("theirs");
    values.setDraft("a", { $case: "text", value: "draft" });
    values.takeServer("a", text("theirs, newer"), 5, false);
    expect(values.takeDrafts(["a"])).toEqual([{ widgetId: "a", value: text("draft") }]);
    values.takeServer("a", text("next"), 5, false);
    expect(values.of("a").value?.value).toBe("next");
  });
});
