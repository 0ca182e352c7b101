// The sidebar. Whether it is shown: the person's choice, else the script's, else by the room there is.
import { useEffect, useState } from "preact/hooks";
import { t } from "../strings";
import type { TreeNode } from "../tree/page_tree";
import { Stack } from "../ui/children";
import { Icon } from "../ui/icon";
import type { LivePage } from "./live_page";

const NARROW = 760; // pixels of the element, as in the style sheet

interface SidebarState {
  open: boolean;
  set(open: boolean): void;
}

export function useSidebar(page: LivePage, root: { current: HTMLElement | null }): SidebarState {
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

interface SidebarProps {
  node: TreeNode;
  sidebar: SidebarState;
  ended: boolean;
}

export function Sidebar({ node, sidebar, ended }: SidebarProps) {
  const close = () => sidebar.set(false);
  return (
    <>
      <aside class="sidebar" aria-label={t("sidebar")} hidden={!sidebar.open} inert={ended}>
        <div class="sidebar-inner">
          <button type="button" class="ghost sidebar-close" aria-label={t("hide_sidebar")} onClick={close}>
            <Icon name="panel" />
          </button>
          <Stack node={node} />
        </div>
      </aside>
      {/* biome-ignore lint/a11y/noStaticElementInteractions lint/a11y/useKeyWithClickEvents: the button has the keyboard */}
      {sidebar.open ? <div class="scrim" onClick={close} /> : null}
    </>
  );
}

/** The button that brings a hidden sidebar back. */
export function SidebarOpener({ sidebar }: { sidebar: SidebarState }) {
  if (sidebar.open) return null;
  return (
    <button type="button" class="ghost framed" aria-label={t("show_sidebar")} onClick={() => sidebar.set(true)}>
      <Icon name="panel" />
    </button>
  );
}
