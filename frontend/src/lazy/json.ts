// json: a value that folds, drawn as far as it is open. Loaded on first use, self-contained, no framework.
import type { Json } from "../protocol/dec/elements/json";
import { Json as JsonSchema } from "../protocol/schema";
import { texts } from "../strings";
import css from "../styles/json.css";
import { copyText } from "../ui/clipboard";
import { html, svg } from "../ui/dom";
import { PATHS } from "../ui/icon_paths";
import type { LazyElement, LazyView } from "../ui/view";

const t = texts({ copied: "Copied", copy: "Copy" });
const ENTRIES = 100; // of one list, at first

interface Fold {
  open: boolean;
  limit: number;
}

class JsonView {
  readonly #root = html("div", { class: "json" });
  readonly #folds = new Map<string, Fold>(); // by path; what was opened stays open when the value changes
  #props!: Json;

  constructor(host: HTMLElement, view: LazyView) {
    host.append(this.#root);
    this.update(view);
  }

  update({ props }: LazyView): void {
    if (props === this.#props) return;
    this.#props = props as Json;
    const { body, depth } = this.#props;
    this.#root.replaceChildren(this.#item("", parse(body), depth), copyButton(body));
  }

  destroy(): void {
    this.#root.remove();
  }

  #item(path: string, value: unknown, depth: number, name?: string): HTMLElement {
    const label = name === undefined ? [] : [html("span", { class: "json-key" }, `${name}: `)];
    const item = html("div", { class: "json-item" });
    if (typeof value === "object" && value !== null && Object.keys(value).length) {
      const fold = this.#folds.get(path) ?? { open: depth > 0, limit: ENTRIES };
      this.#folds.set(path, fold);
      this.#fill(item, value, path, depth, fold, label);
    } else {
      const kind = value === null ? "null" : typeof value;
      item.append(...label, html("span", { class: `json-${kind}` }, JSON.stringify(value)));
    }
    return item;
  }

  #fill(item: HTMLElement, value: object, path: string, depth: number, fold: Fold, label: Node[]): void {
    const isList = Array.isArray(value);
    const [start, end] = isList ? "[]" : "{}";
    const entries = Object.entries(value);
    const again = () => {
      this.#fill(item, value, path, depth, fold, label);
      item.querySelector("button")?.focus();
    };
    const head = foldButton(icon("chevron", "fold"), ...label, start ?? "");
    head.ariaExpanded = String(fold.open);
    head.onclick = () => {
      fold.open = !fold.open;
      again();
    };
    item.replaceChildren(head);
    if (!fold.open) {
      head.append(html("span", { class: "muted" }, `${entries.length}${end}`));
      return;
    }
    const shown = entries
      .slice(0, fold.limit)
      .map(([entry, inner]) =>
        this.#item(`${path}/${JSON.stringify(entry)}`, inner, depth - 1, isList ? undefined : entry),
      );
    const children = html("div", { class: "json-children" }, ...shown);
    if (entries.length > fold.limit) {
      const more = foldButton(`… ${entries.length - fold.limit}`);
      more.onclick = () => {
        fold.limit *= 10;
        again();
      };
      children.append(more);
    }
    item.append(children, end ?? "");
  }
}

function foldButton(...children: (Node | string)[]): HTMLButtonElement {
  return html("button", { type: "button", class: "json-fold" }, ...children);
}

function icon(name: "chevron" | "copy" | "check", extra = ""): SVGElement {
  const path = svg("path", { d: PATHS[name] });
  return svg("svg", { class: `icon ${extra}`, viewBox: "0 0 16 16", "aria-hidden": "true" }, path);
}

function copyButton(text: string): HTMLElement {
  const button = html("button", { type: "button", class: "copy" });
  const show = (copied: boolean) => {
    button.ariaLabel = t(copied ? "copied" : "copy");
    button.replaceChildren(icon(copied ? "check" : "copy"));
  };
  show(false);
  button.onclick = async () => {
    await copyText(text, button);
    show(true);
    setTimeout(show, 1500, false);
  };
  return button;
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body; // not JSON: shown as the text it is
  }
}

const element: LazyElement = {
  decode: (bytes) => JsonSchema.decode(bytes),
  css,
  mount: (host, view) => new JsonView(host, view),
};
export default element;
