// The clipboard, for components and for the files that are loaded on first use.
/** Puts a text on the clipboard. Sites without https have no clipboard object; there the old command still works. */
export async function copyText(text: string, beside: HTMLElement): Promise<void> {
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
