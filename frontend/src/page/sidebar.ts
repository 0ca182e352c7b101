// Whether the sidebar is shown: the person's choice, else the script's, else by the room there is.
import { useEffect, useState } from "preact/hooks";
import type { LivePage } from "./live_page";

const NARROW = 760; // pixels of the element, as in the style sheet

interface Sidebar {
  open: boolean;
  set(open: boolean): void;
}

export function useSidebar(page: LivePage, root: { current: HTMLElement | null }): Sidebar {
  const [narrow, setNarrow] = useState(innerWidth < NARROW);
  const [chosen, setChosen] = useState<boolean>();
  const wish = page.config.value?.sidebar;
  useEffect(() => {
    if (!root.current) return undefined;
    const observer = new ResizeObserver(([entry]) => entry && setNarrow(entry.contentRect.width < NARROW));
    observer.observe(root.current);
    return () => observer.disconnect();
  }, []);
  useEffect(() => setChosen(undefined), [narrow]);
  const byScript = wish === "collapsed" ? false : wish === "expanded" ? true : undefined;
  const remembered = narrow ? undefined : page.memory.get("sidebar");
  return {
    open: chosen ?? (remembered === undefined ? undefined : remembered === 1) ?? byScript ?? !narrow,
    set(open) {
      setChosen(open);
      if (!narrow) page.memory.set("sidebar", Number(open));
    },
  };
}
