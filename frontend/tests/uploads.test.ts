import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import uploader from "../src/lazy/file_uploader";
import type { FileUploader } from "../src/protocol/dec/elements/file_uploader";
import type { LazyView } from "../src/ui/view";
import { fits, sizeText, typesText } from "../src/upload/file_texts";

/** A request that is answered by the test. */
class FakeRequest {
  static sent: FakeRequest[] = [];
  method = "";
  url = "";
  headers: Record<string, string> = {};
  body: Blob = new Blob();
  upload: { onprogress?: (event: { loaded: number; total: number }) => void } = {};
  onload = () => {};
  onerror = () => {};
  status = 0;
  responseText = "";
  aborted = false;
  open(method: string, url: string) {
    Object.assign(this, { method, url });
  }
  setRequestHeader(name: string, value: string) {
    this.headers[name] = value;
  }
  send(body: Blob) {
    this.body = body;
    FakeRequest.sent.push(this);
  }
  abort() {
    this.aborted = true;
  }
  answer(status: number, document: unknown) {
    Object.assign(this, { status, responseText: typeof document === "string" ? document : JSON.stringify(document) });
    this.onload();
  }
}

const ID = "0b5b1c2e-3c4d-4e5f-8a9b-0c1d2e3f4a5b";
const wire = (name: string, size = 3) => JSON.stringify({ id: ID, name, size, type: "" });

function show(parts: Partial<FileUploader> = {}, value: readonly string[] = []) {
  const host = document.createElement("div");
  document.body.append(host);
  const field = { label: "Papers", labelHtml: "", helpHtml: "", disabled: false, visibility: 0 };
  const props: FileUploader = { field, types: [], multiple: true, maxBytes: 100, partBytes: 4, ...parts };
  const view: LazyView = {
    id: "w1",
    props,
    value,
    disabled: false,
    send: vi.fn(),
    files: () => ({ url: "/apps/page/files/s/w/", token: "token" }),
    busy: vi.fn(),
  };
  const handle = uploader.mount(host, view);
  const input = host.querySelector("input") as HTMLInputElement;
  const choose = (...files: File[]) => {
    Object.defineProperty(input, "files", { value: files, configurable: true });
    input.dispatchEvent(new Event("change"));
  };
  const lines = () => [...host.querySelectorAll("li")].map((line) => `${line.dataset.state} ${line.textContent}`);
  return { host, view, handle, choose, lines };
}

beforeEach(() => {
  FakeRequest.sent = [];
  vi.useFakeTimers();
  vi.stubGlobal("XMLHttpRequest", FakeRequest);
  vi.stubGlobal(
    "fetch",
    vi.fn(() => Promise.resolve(new Response())),
  );
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  document.body.replaceChildren();
});

describe("texts", () => {
  it("write sizes for people", () => {
    expect([0, 1, 1023, 1024, 1536, 209_715_200].map((size) => sizeText(size))).toEqual([
      "0 bytes",
      "1 byte",
      "1,023 bytes",
      "1 kB",
      "1.5 kB",
      "200 MB",
    ]);
  });

  it("know types by the end of a name", () => {
    expect(typesText([".csv", ".tar.gz"])).toBe("CSV, TAR.GZ");
    expect(fits("A.CSV", [".csv"])).toBe(true);
    expect(fits("a.csv.exe", [".csv"])).toBe(false);
    expect(fits("anything", [])).toBe(true);
  });
});

describe("the uploader", () => {
  it("sends a file by parts and gives the widget what the server answered", () => {
    const { view, choose, lines } = show();
    choose(new File(["0123456789"], "März.csv", { type: "text/csv" }));
    const [first] = FakeRequest.sent;
    expect(first?.method).toBe("POST");
    expect(first?.url).toBe("/apps/page/files/s/w/");
    expect(first?.headers).toMatchObject({
      "X-Scriptapps-Token": "token",
      "X-Scriptapps-Name": "M%C3%A4rz.csv",
      "X-Scriptapps-Type": "text/csv",
      "X-Scriptapps-Size": "10",
    });
    expect(first?.body.size).toBe(4);
    expect(view.busy).toHaveBeenLastCalledWith(1);
    first?.answer(202, { id: ID, received: 4 });
    FakeRequest.sent[1]?.upload.onprogress?.({ loaded: 2, total: 4 });
    expect(lines()).toEqual([expect.stringContaining("6 bytes / 10 bytes")]);
    FakeRequest.sent[1]?.answer(202, { id: ID, received: 8 });
    const last = FakeRequest.sent[2];
    expect([last?.method, last?.url, last?.headers["X-Scriptapps-Offset"], last?.body.size]).toEqual([
      "PATCH",
      `/apps/page/files/s/w/${ID}/`,
      "8",
      2,
    ]);
    last?.answer(201, { id: ID, received: 10, file: wire("März.csv", 10) });
    expect(view.send).toHaveBeenCalledExactlyOnceWith([wire("März.csv", 10)]);
    expect(view.busy).toHaveBeenLastCalledWith(-1);
  });

  it("goes on where the server is when an answer was lost, and stops trying after a while", () => {
    const { view, choose, lines } = show();
    choose(new File(["0123456789"], "a"));
    FakeRequest.sent[0]?.answer(202, { id: ID, received: 4 });
    FakeRequest.sent[1]?.onerror();
    expect(lines()).toEqual([expect.stringContaining("Waiting for the server")]);
    vi.advanceTimersByTime(500);
    FakeRequest.sent[2]?.answer(409, { id: ID, received: 8 });
    expect(FakeRequest.sent[3]?.headers["X-Scriptapps-Offset"]).toBe("8");
    for (let tries = 0; tries < 7; tries++) {
      FakeRequest.sent.at(-1)?.answer(502, "<html>");
      vi.advanceTimersByTime(10_000);
    }
    expect(FakeRequest.sent.length).toBe(10);
    expect(lines()).toEqual([expect.stringContaining("failed a")]);
    (document.querySelector("button[aria-label='Try again: a']") as HTMLButtonElement).click();
    expect(FakeRequest.sent.at(-1)?.headers["X-Scriptapps-Offset"]).toBe("8");
    FakeRequest.sent.at(-1)?.answer(409, { id: ID, received: 10, file: wire("a", 10) });
    expect(view.send).toHaveBeenCalledExactlyOnceWith([wire("a", 10)]);
  });

  it("asks again a little later while another request stores the part", () => {
    const { choose } = show();
    choose(new File(["0123456789"], "a"));
    FakeRequest.sent[0]?.answer(202, { id: ID, received: 4 });
    FakeRequest.sent[1]?.answer(409, { id: ID, received: 4 });
    expect(FakeRequest.sent.length).toBe(2);
    vi.advanceTimersByTime(1000);
    expect(FakeRequest.sent.length).toBe(3);
  });

  it("tells what the server refuses, and does not try again where that is of no use", () => {
    const { choose, lines, view } = show();
    choose(new File(["1"], "a"), new File(["1"], "b"));
    FakeRequest.sent[0]?.answer(429, { error: "too_many" });
    FakeRequest.sent[1]?.answer(500, "oops");
    expect(lines()).toEqual([expect.stringContaining("as many files"), expect.stringContaining("The upload failed.")]);
    const retries = [...document.querySelectorAll<HTMLElement>("li button.button")].map((button) => button.hidden);
    expect(retries).toEqual([true, false]);
    expect(view.send).not.toHaveBeenCalled();
    expect(view.busy).toHaveBeenLastCalledWith(-1);
  });

  it("takes back what is cancelled or removed, and leaves when its element does", () => {
    const { view, choose, handle, lines } = show({}, [wire("old")]);
    choose(new File(["0123456789"], "a"));
    FakeRequest.sent[0]?.answer(202, { id: ID, received: 4 });
    (document.querySelector("button[aria-label='Cancel upload of a']") as HTMLButtonElement).click();
    expect(FakeRequest.sent[1]?.aborted).toBe(true);
    expect(fetch).toHaveBeenLastCalledWith(
      `/apps/page/files/s/w/${ID}/`,
      expect.objectContaining({ method: "DELETE" }),
    );
    (document.querySelector("button[aria-label='Remove old']") as HTMLButtonElement).click();
    expect(view.send).toHaveBeenLastCalledWith([]);
    expect(lines()).toEqual([]);
    choose(new File(["1"], "b"));
    handle.destroy();
    expect(FakeRequest.sent.at(-1)?.aborted).toBe(true);
    expect(view.busy).toHaveBeenLastCalledWith(-1);
  });

  it("uploads three at once and sends one value for all", () => {
    const { view, choose } = show({ partBytes: 100 }, [wire("old")]);
    choose(...["a", "b", "c", "d"].map((name) => new File(["123"], name)));
    expect(FakeRequest.sent.length).toBe(3);
    for (const name of ["a", "b", "c", "d"]) {
      const request = FakeRequest.sent.find((sent) => sent.headers["X-Scriptapps-Name"] === name);
      request?.answer(201, { id: ID, received: 3, file: wire(name) });
    }
    expect(view.send).toHaveBeenCalledExactlyOnceWith(["old", "a", "b", "c", "d"].map((name) => wire(name)));
  });
});
