// What reaches outside the element: the document's title and icon, the keyboard.
import { useEffect } from "preact/hooks";
import type { LivePage } from "./live_page";

export function useDocumentTitle(page: LivePage): void {
  const { ownsDocument } = page.settings;
  const title = page.config.value?.title || page.settings.title;
  const icon = page.config.value?.icon ?? "";
  useEffect(() => {
    if (title && ownsDocument) document.title = title;
  }, [title]);
  useEffect(() => {
    if (icon && ownsDocument) showIcon(icon);
  }, [icon]);
}

// An emoji becomes the tab's icon; it is drawn by a picture inside a data: address.
function showIcon(emoji: string): void {
  const link = document.querySelector<HTMLLinkElement>("link[rel~='icon']") ?? document.createElement("link");
  const text = emoji.replace(/[<>&]/g, "");
  const picture = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100"><text y=".9em" font-size="90">${text}</text></svg>`;
  link.rel = "icon";
  link.href = `data:image/svg+xml,${encodeURIComponent(picture)}`;
  document.head.append(link);
}

/**
 * R runs the script again, C clears the cache; never while somebody types or holds a modifier, and in the middle of
 * another page only while the focus is inside `root`.
 */
export function useShortcuts(page: LivePage, root: { current: HTMLElement | null }): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
      const path = event.composedPath();
      if (page.frozen || typesText(path[0])) return;
      if (!page.settings.ownsDocument && !(root.current && path.includes(root.current))) return;
      const key = event.key.toLowerCase();
      if (key === "r") page.rerun();
      else if (key === "c") page.clearCache();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [page]);
}

function typesText(target: EventTarget | undefined): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.matches("input, textarea, select, [role=combobox], [role=menuitem]");
}
