// Popups live in the browser's top layer; this puts one beside its anchor and keeps it there.
import { useLayoutEffect } from "preact/hooks";

interface Ref<T> {
  current: T | null;
}

/** Shows `popup` beside `anchor` while `open`; it follows scrolling and resizing. */
export function usePopup(open: boolean, anchor: Ref<HTMLElement>, popup: Ref<HTMLElement>, fit = false): void {
  useLayoutEffect(() => {
    const box = popup.current;
    if (!open || !box || !anchor.current) return undefined;
    box.showPopover?.();
    const follow = () => anchor.current && place(anchor.current, box, fit);
    follow();
    addEventListener("scroll", follow, { capture: true, passive: true });
    addEventListener("resize", follow);
    return () => {
      removeEventListener("scroll", follow, { capture: true });
      removeEventListener("resize", follow);
      if (box.isConnected) box.hidePopover?.();
    };
  }, [open]);
}

const GAP = 4;
const MARGIN = 8;

/** Below the anchor where there is room, else above; never outside the window. `fit`: as wide as the anchor. */
export function place(anchor: HTMLElement, popup: HTMLElement, fit: boolean): void {
  const at = anchor.getBoundingClientRect();
  const { style } = popup;
  if (fit) style.width = `${at.width}px`;
  const below = innerHeight - at.bottom - GAP - MARGIN;
  const above = at.top - GAP - MARGIN;
  const up = popup.scrollHeight > below && above > below;
  style.maxHeight = `${Math.max(80, up ? above : below)}px`;
  const height = popup.offsetHeight;
  const width = popup.offsetWidth;
  style.top = `${up ? at.top - GAP - height : at.bottom + GAP}px`;
  const start = getComputedStyle(anchor).direction === "rtl" ? at.right - width : at.left;
  style.left = `${Math.max(MARGIN, Math.min(start, innerWidth - width - MARGIN))}px`;
}
