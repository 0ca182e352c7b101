import { describe, expect, it } from "vitest";
import json from "../src/lazy/json";
import type { LazyView } from "../src/ui/view";

const view = (body: unknown, depth = 1) =>
  ({ props: { body: typeof body === "string" ? body : JSON.stringify(body), depth } }) as LazyView;

function show(body: unknown, depth?: number) {
  const host = document.createElement("div");
  document.body.append(host);
  const mounted = json.mount(host, view(body, depth));
  const folds = () => [...host.querySelectorAll<HTMLElement>(".json-fold")];
  return { host, mounted, folds };
}

describe("json", () => {
  it("is open to its depth, and folds further at a click", () => {
    const { host, folds } = show({ a: [1, "x", null, true], b: {} });
    expect(host.textContent).toBe("{a: [4]b: {}}");
    folds()[1]?.click();
    expect(host.textContent).toBe('{a: [1"x"nulltrue]b: {}}');
    expect(document.activeElement).toBe(folds()[1]);
    expect(folds()[1]?.ariaExpanded).toBe("true");
    folds()[0]?.click();
    expect(host.textContent).toBe("{2}");
  });

  it("keeps open what was opened when the value changes", () => {
    const { host, mounted, folds } = show({ a: [1] });
    folds()[1]?.click();
    mounted.update(view({ a: [1, 2] }));
    expect(host.textContent).toBe("{a: [12]}");
  });

  it("shows a hundred entries of a long list at first", () => {
    const { host, folds } = show(Array(250).fill(0));
    expect(host.querySelectorAll(".json-number")).toHaveLength(100);
    folds()[1]?.click();
    expect(host.querySelectorAll(".json-number")).toHaveLength(250);
  });

  it("shows what is not JSON as the text it is", () => {
    expect(show("{").host.textContent).toBe('"{"');
  });
});
