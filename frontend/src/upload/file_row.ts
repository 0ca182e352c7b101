// One line of the uploader's list: a file that is there, on its way, or was not taken.
import { html, svg } from "../ui/dom";
import { sizeText, t } from "./file_texts";
import type { Upload } from "./upload_request";

const SHEET = "M4 1.75h5L12.25 5v8.25a1 1 0 0 1-1 1H4.75a1 1 0 0 1-1-1V2.75a1 1 0 0 1 1-1ZM9 1.75V5h3.25";
const CROSS = "m4.25 4.25 7.5 7.5m0-7.5-7.5 7.5";
const MARK = "M8 4.5v4.2M8 11.3v.2M8 1.8 14.7 13.5H1.3Z";

export class FileRow {
  readonly element: HTMLLIElement;
  /** The text that stands for it in the widget's value; none before it is uploaded. */
  wire: string | undefined;
  problem = "";
  /** How it comes to the server. It is kept after a failure and goes on where it was. */
  upload: Upload | undefined;
  isUnderWay = false;
  onRemove = () => {};
  onRetry = () => {};

  readonly #icon = svg("path");
  readonly #detail = html("span", { class: "file-detail", dir: "auto" });
  readonly #bar = html("div", { class: "file-bar", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100 });
  readonly #retry = html("button", { type: "button", class: "button small tertiary" }, t("upload_retry"));
  readonly #cross = html("button", { type: "button", class: "file-remove" }, icon(svg("path", { d: CROSS })));
  #mayRetry = false;
  #part = 0;
  #isHeldUp = false;

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
    return !this.wire && !this.problem && !this.isUnderWay;
  }

  begin(): void {
    this.isUnderWay = true;
    this.upload?.start();
  }

  progress(part: number, waiting: boolean): void {
    this.#part = part;
    this.#isHeldUp = waiting;
    this.#drawProgress();
  }

  finish(wire: string): void {
    this.isUnderWay = false;
    this.wire = wire;
  }

  fail(problem: string, mayRetry = false): void {
    this.isUnderWay = false;
    this.problem = problem;
    this.#mayRetry = mayRetry;
  }

  again(): void {
    this.problem = "";
  }

  giveUp(): void {
    this.isUnderWay = false;
    if (!this.wire) this.upload?.stop();
  }

  draw(disabled: boolean): void {
    const state = this.problem ? "failed" : this.wire ? "done" : this.isUnderWay ? "uploading" : "waiting";
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
    const sizes = `${sizeText(this.size * this.#part)} / ${sizeText(this.size)}`;
    if (this.isUnderWay) this.#detail.textContent = this.#isHeldUp ? t("upload_away") : sizes;
  }
}

function icon(path: SVGElement): SVGElement {
  return svg("svg", { class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true" }, path);
}
