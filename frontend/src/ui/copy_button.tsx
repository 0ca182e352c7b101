// Copies a text and says so.
import { useState } from "preact/hooks";
import { t } from "../strings";
import { Icon } from "./icon";

export function CopyButton({ text }: { text: () => string }) {
  const [copied, setCopied] = useState(false);
  const copy = async (button: HTMLElement) => {
    await write(text(), button);
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <button
      type="button"
      class="copy"
      aria-label={t(copied ? "copied" : "copy")}
      onClick={(event) => copy(event.currentTarget)}
    >
      <Icon name={copied ? "check" : "copy"} />
    </button>
  );
}

// Sites without https have no clipboard object; there the old command still works.
async function write(text: string, beside: HTMLElement): Promise<void> {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "unseen";
  beside.after(area);
  area.select();
  document.execCommand("copy");
  area.remove();
  beside.focus();
}
