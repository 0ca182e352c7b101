// Copies a text and says so.
import { useState } from "preact/hooks";
import { t } from "../strings";
import { copyText } from "./clipboard";
import { Icon } from "./icon";

export function CopyButton({ text }: { text: () => string }) {
  const [copied, setCopied] = useState(false);
  const copy = async (button: HTMLElement) => {
    await copyText(text(), button);
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
