// <script-app>: one custom element, one shadow root, one page.
import { render } from "preact";
import { LivePage } from "./page/live_page";
import { Page } from "./page/page";
import { readSettings } from "./page/page_settings";
import css from "./styles/app.css";

const sheet = new CSSStyleSheet();
sheet.replaceSync(css);

class ScriptAppElement extends HTMLElement {
  #stop: (() => void) | undefined;

  connectedCallback(): void {
    const shadow = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    shadow.adoptedStyleSheets = [sheet];
    if (this.parentElement === document.body) {
      this.classList.add("full");
      this.style.setProperty("--top", `${this.offsetTop}px`);
    }
    const page = new LivePage(readSettings(this));
    render(<Page page={page} inMain={this.closest("main") !== null} />, shadow);
    this.#stop = page.start();
  }

  disconnectedCallback(): void {
    this.#stop?.();
    if (this.shadowRoot) render(null, this.shadowRoot);
  }
}

if (!customElements.get("script-app")) customElements.define("script-app", ScriptAppElement);
