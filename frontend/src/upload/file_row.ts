// One line of the uploader's list: a file that is there, on its way, or was not taken.
import { html, svg } from "../ui/dom";
import { sizeText, t } from "./file_texts";

const SHEET = "M4 1.75h5L12.25 5v8.25a1 1 0 0 1-1 1H4.75a1 1 0 0 1-1-1V2.75a1 1 0 0 1 1-1ZM9 1.75V5h3.25";
const CROSS = "m4.25 4.25 7.5 7.5m0-7.5-7.5 7.5";
const MARK = "M8 4.5v4.2M8 11.3v.2M8 1.8 14.7 13.5H1.3Z";

export class FileRow {
  readonly element: HTMLLIElement;
  /** The text that stands for it in the widget's value; none before it is uploaded. */
  wire: string | undefined;
  problem = "";
  /** Gives the upload up; there only while it is under way. */
  stop: (() => void) | undefined;
  onRemove = () => {};
  onRetry = () => {};

  readonly #icon = svg("path");
  readonly #detail = html("span", { class: "file-detail", dir: "auto" });
  readonly #bar = html("div", { class: "file-bar", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100 });
  readonly #retry = html("button", { type: "button", class: "button small tertiary" }, t("upload_retry"));
  readonly #cross = html("button", { type: "button", class: "file-remove" }, icon(svg("path", { d: CROSS })));
  #mayRetry = false;
  #part = 0;

  constructor(
    readonly name: string,
    readonly size: number,
    readonly file?: File,
  ) {
    const line = html(
      "div",
      { class: "file-line" },
      html("bdi", { class: "file-name", title: name }, name),
      this.#detail,
    );
    const main = html("div", { class: "file-main" }, line, this.#bar);
    this.#bar.setAttribute("aria-label", name);
    this.#retry.setAttribute("aria-label", `${t("upload_retry")}: ${name}`);
    this.element = html("li", { class: "file" }, icon(this.#icon), main, this.#retry, this.#cross);
    this.#cross.addEventListener("click", () => this.onRemove());
    this.#retry.addEventListener("click", () => this.onRetry());
    this.draw(false);
  }

  get isWaiting(): boolean {
    return !this.wire && !this.problem && !this.stop;
  }

  progress(part: number): void {
    this.#part = part;
    this.#drawProgress();
  }

  finish(wire: string): void {
    this.stop = undefined;
    this.wire = wire;
  }

  fail(problem: string, mayRetry = false): void {
    this.stop = undefined;
    this.problem = problem;
    this.#mayRetry = mayRetry;
  }

  again(): void {
    this.problem = "";
    this.#part = 0;
  }

  draw(disabled: boolean): void {
    const state = this.problem ? "failed" : this.wire ? "done" : this.stop ? "uploading" : "waiting";
    this.element.dataset.state = state;
    this.#icon.setAttribute("d", this.problem ? MARK : SHEET);
    this.#bar.hidden = state !== "uploading" && state !== "waiting";
    this.#retry.hidden = !this.problem || !this.#mayRetry;
    this.#cross.hidden = disabled;
    const label = this.problem || this.wire ? "upload_remove" : "upload_cancel";
    this.#cross.setAttribute("aria-label", t(label, { name: this.name }));
    this.#detail.textContent = this.problem || (state === "waiting" ? t("upload_waiting") : sizeText(this.size));
    if (state === "uploading") this.#drawProgress();
  }

  #drawProgress(): void {
    const percent = Math.floor(this.#part * 100);
    this.#bar.style.setProperty("--part", `${percent}%`);
    this.#bar.setAttribute("aria-valuenow", String(percent));
    if (this.stop) this.#detail.textContent = `${sizeText(this.size * this.#part)} / ${sizeText(this.size)}`;
  }
}

function icon(path: SVGElement): SVGElement {
  return svg("svg", { class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true" }, path);
}
