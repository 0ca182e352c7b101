// file_uploader: a place to drop files on, and the list of those that are there or on their way.
// Loaded on first use, self-contained, no framework.
import type { FileUploader } from "../protocol/dec/elements/file_uploader";
import { FileUploader as Schema } from "../protocol/schema";
import css from "../styles/upload.css";
import { html, svg } from "../ui/dom";
import type { LazyElement, LazyView } from "../ui/view";
import { FileRow } from "../upload/file_row";
import { fits, sizeText, t, typesText } from "../upload/file_texts";
import { takeBack, Upload } from "../upload/upload_request";

const AT_ONCE = 3;
const ARROW =
  "M8 10.5v-8m0 0L4.75 5.75M8 2.5l3.25 3.25M2.5 10v2.25a1.25 1.25 0 0 0 1.25 1.25h8.5a1.25 1.25 0 0 0 1.25-1.25V10";

class UploaderView {
  readonly #input = html("input", { type: "file", hidden: "", tabindex: -1 });
  readonly #what = html("span", { class: "drop-what" });
  readonly #hint = html("span", { class: "drop-hint" });
  readonly #button = html("button", { type: "button", class: "button small" });
  readonly #drop: HTMLElement;
  readonly #list = html("ul", { class: "files" });
  readonly #status = html("p", { class: "unseen", role: "status" });
  readonly #shown = new Map<string, FileRow>(); // the widget's value, by wire text
  #coming: FileRow[] = []; // in the order of choosing; a failed one stays until it is dismissed
  #inside = 0;
  #isBusy = false;
  #value: readonly string[] = [];
  #view: LazyView;

  constructor(host: HTMLElement, view: LazyView) {
    this.#view = view;
    const icon = svg("svg", { class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: ARROW }));
    const text = html("div", { class: "drop-text" }, this.#what, this.#hint);
    this.#drop = html("div", { class: "drop" }, icon, text, this.#button, this.#input);
    host.append(this.#drop, this.#list, this.#status);
    this.#button.addEventListener("click", () => this.#input.click());
    this.#input.addEventListener("change", () => {
      this.#take([...(this.#input.files ?? [])]);
      this.#input.value = ""; // the same file may be chosen again
    });
    this.#listenToDrops();
    this.update(view);
  }

  get #props(): FileUploader {
    return this.#view.props as FileUploader;
  }

  #send(value: readonly string[]): void {
    this.#value = value;
    this.#view.send(value);
  }

  update(view: LazyView): void {
    this.#view = view;
    this.#value = Array.isArray(view.value) ? (view.value as readonly string[]) : [];
    const { types, multiple, maxBytes, field } = this.#props;
    this.#what.textContent = t(multiple ? "upload_drop_many" : "upload_drop");
    const size = t(multiple ? "upload_hint_size_each" : "upload_hint_size", { size: sizeText(maxBytes) });
    this.#hint.textContent = [typesText(types), size].filter(Boolean).join(" · ");
    this.#hint.id = `${view.id}h`;
    this.#button.textContent = t(multiple ? "upload_choose_many" : "upload_choose");
    this.#button.id = view.id;
    this.#button.disabled = view.disabled;
    this.#button.setAttribute("aria-label", `${field?.label ?? ""}: ${this.#button.textContent}`);
    this.#button.setAttribute("aria-describedby", this.#hint.id);
    this.#input.accept = types.join(",");
    this.#input.multiple = multiple;
    this.#drop.toggleAttribute("data-disabled", view.disabled);
    this.#draw();
  }

  destroy(): void {
    for (const row of this.#coming) row.giveUp();
    this.#coming = [];
    this.#tellBusy();
    for (const part of [this.#drop, this.#list, this.#status]) part.remove();
  }

  // -- choosing --------------------------------------------------------------------------------------------------------

  #listenToDrops(): void {
    const drop = this.#drop;
    const isFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files");
    const mark = (by: number) => {
      this.#inside = by && Math.max(0, this.#inside + by);
      drop.toggleAttribute("data-over", this.#inside > 0);
    };
    drop.addEventListener("dragenter", (event) => isFiles(event) && !this.#view.disabled && mark(1));
    drop.addEventListener("dragleave", () => mark(-1));
    drop.addEventListener("dragover", (event) => {
      if (!isFiles(event) || !event.dataTransfer) return;
      event.preventDefault(); // or the browser would open the file
      event.dataTransfer.dropEffect = this.#view.disabled ? "none" : "copy";
    });
    drop.addEventListener("drop", (event) => {
      if (!isFiles(event) || !event.dataTransfer) return;
      event.preventDefault();
      mark(0);
      if (this.#view.disabled) return;
      const items = [...event.dataTransfer.items].filter((item) => item.kind === "file");
      const folders = new Set(
        items.filter((item) => item.webkitGetAsEntry?.()?.isDirectory).map((item) => item.getAsFile()?.name),
      );
      this.#take([...event.dataTransfer.files], folders);
    });
  }

  #take(files: File[], folders: ReadonlySet<string | undefined> = new Set()): void {
    if (!files.length) return;
    const { multiple, types, maxBytes } = this.#props;
    const taken = multiple ? files : files.slice(0, 1);
    // What failed before was seen; a single file replaces the one that is on its way.
    for (const row of this.#coming) if (row.problem || !multiple) row.giveUp();
    this.#coming = multiple ? this.#coming.filter((row) => !row.problem) : [];
    for (const file of taken) {
      const row = new FileRow(file.name, file.size, file);
      if (folders.has(file.name)) row.fail(t("upload_folder"));
      else if (!fits(file.name, types)) row.fail(t("upload_wrong_type", { types: typesText(types) }));
      else if (file.size > maxBytes) row.fail(t("upload_too_large", { size: sizeText(maxBytes) }));
      this.#coming.push(row);
    }
    const refused = this.#coming.flatMap(({ name, problem }) => (problem ? `${name}: ${problem}` : []));
    if (files.length > taken.length) refused.push(t("upload_one_only", { name: taken[0]?.name ?? "" }));
    this.#say(...refused);
    this.#goOn();
  }

  // -- uploading -------------------------------------------------------------------------------------------------------

  #goOn(): void {
    const waiting = this.#coming.filter((row) => row.isWaiting);
    const free = AT_ONCE - this.#coming.filter((row) => row.isUnderWay).length;
    for (const row of waiting.slice(0, Math.max(0, free))) this.#start(row);
    this.#tellBusy();
    const isDone = this.#coming.every((row) => row.wire || row.problem);
    const done = this.#coming.flatMap((row) => row.wire ?? []);
    if (isDone && done.length) {
      // One event for all that were chosen together: the script runs once.
      this.#coming = this.#coming.filter((row) => !row.wire);
      this.#send(this.#props.multiple ? [...this.#value, ...done] : done.slice(-1));
    }
    this.#draw();
  }

  #start(row: FileRow): void {
    const { maxBytes, partBytes } = this.#props;
    row.upload ??= new Upload(row.file as File, partBytes, () => this.#view.files(), {
      progress: (part, waiting) => row.progress(part, waiting),
      done: (wire) => {
        row.finish(wire);
        this.#say(t("upload_done", { name: row.name }));
        this.#goOn();
      },
      failed: (failure, again) => {
        row.fail(t(`upload_${failure}`, { size: sizeText(maxBytes) }), again);
        this.#say(`${row.name}: ${row.problem}`);
        this.#goOn();
      },
    });
    row.begin();
  }

  #tellBusy(): void {
    const isBusy = this.#coming.some((row) => !row.wire && !row.problem);
    if (isBusy !== this.#isBusy) this.#view.busy(isBusy ? 1 : -1);
    this.#isBusy = isBusy;
  }

  // -- the list --------------------------------------------------------------------------------------------------------

  #remove(row: FileRow): void {
    const place = [...this.#list.children].indexOf(row.element);
    row.giveUp();
    this.#coming = this.#coming.filter((other) => other !== row);
    if (row.wire) {
      const { wire } = row;
      takeBack(idOf(wire), this.#view.files());
      if (this.#value.includes(wire)) this.#send(this.#value.filter((other) => other !== wire));
    }
    this.#say(t("upload_removed", { name: row.name }));
    this.#goOn();
    const next = this.#list.children[Math.min(place, this.#list.children.length - 1)];
    (next?.querySelector<HTMLElement>(".file-remove") ?? this.#button).focus();
  }

  #draw(): void {
    const value = this.#value;
    for (const wire of [...this.#shown.keys()]) if (!value.includes(wire)) this.#shown.delete(wire);
    for (const wire of value) if (!this.#shown.has(wire)) this.#shown.set(wire, rowOf(wire));
    const rows = [...value.flatMap((wire) => this.#shown.get(wire) ?? []), ...this.#coming];
    for (const row of rows) {
      row.draw(this.#view.disabled);
      row.onRemove = () => this.#remove(row);
      row.onRetry = () => {
        row.again();
        this.#goOn();
      };
    }
    this.#list.hidden = !rows.length;
    const elements = rows.map((row) => row.element);
    const isSame =
      elements.length === this.#list.children.length && elements.every((e, i) => e === this.#list.children[i]);
    if (isSame) return;
    const root = this.#list.getRootNode() as Document | ShadowRoot;
    const focused = root.activeElement;
    const hadFocus = this.#list.contains(focused);
    this.#list.replaceChildren(...elements);
    if (hadFocus) (focused?.isConnected ? (focused as HTMLElement) : this.#button).focus();
  }

  #say(...texts: string[]): void {
    if (texts.length) this.#status.textContent = texts.join(" ");
  }
}

function idOf(wire: string): string {
  return String((JSON.parse(wire) as { id: unknown }).id);
}

function rowOf(wire: string): FileRow {
  const { name, size } = JSON.parse(wire) as { name: string; size: number };
  const row = new FileRow(name, size);
  row.finish(wire);
  return row;
}

const element: LazyElement = {
  decode: (bytes) => Schema.decode(bytes),
  css,
  field: (props) => (props as FileUploader | undefined)?.field,
  mount: (host, view) => new UploaderView(host, view),
};
export default element;
