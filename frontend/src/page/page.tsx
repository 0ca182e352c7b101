// The whole page: sidebar, main part, and the client's own furniture around them.
import { useEffect, useRef } from "preact/hooks";
import { t } from "../strings";
import { Stack } from "../ui/children";
import { DrawingContext, PageContext } from "../ui/context";
import { EndNote, FrozenNote, SourceBanner } from "./banners";
import { useDocumentTitle, useShortcuts } from "./document";
import type { LivePage } from "./live_page";
import { drawing } from "./node_view";
import { SavedDialog } from "./saved_dialog";
import { Sidebar, SidebarOpener, useSidebar } from "./sidebar";
import { Toasts } from "./toasts";
import { TopBar } from "./top_bar";

const MAIN = 1;
const SIDEBAR = 2;

interface Props {
  page: LivePage;
  /** The element stands in a <main> of the site's own. */
  inMain: boolean;
}

export function Page({ page, inMain }: Props) {
  const root = useRef<HTMLDivElement>(null);
  const roots = page.tree.roots.value;
  const main = roots.find((node) => node.number === MAIN);
  const aside = roots.find((node) => node.number === SIDEBAR);
  const hasSidebar = (aside?.children.value.length ?? 0) > 0;
  const sidebar = useSidebar(page, root);
  useDocumentTitle(page);
  useShortcuts(page, root);
  useEffect(() => followAnchors(root.current), []);
  const Main = inMain ? "div" : "main";
  const ended = page.connection.value === "ended";
  const open = hasSidebar && sidebar.open;
  return (
    <PageContext.Provider value={page}>
      <DrawingContext.Provider value={drawing}>
        <div
          class="app"
          ref={root}
          data-layout={page.config.value?.layout || "centered"}
          data-sidebar={open ? "open" : undefined}
          data-stale={page.stale.value || undefined}
        >
          {hasSidebar && aside ? <Sidebar node={aside} sidebar={sidebar} ended={ended} /> : null}
          <div class="body">
            <TopBar page={page}>{hasSidebar ? <SidebarOpener sidebar={sidebar} /> : null}</TopBar>
            <Main class="main">
              <FrozenNote page={page} />
              <SourceBanner page={page} />
              <EndNote page={page} />
              {main ? (
                <div class="content" inert={ended} aria-busy={page.stale.value || undefined}>
                  <Stack node={main} />
                </div>
              ) : (
                <FirstLoad page={page} />
              )}
            </Main>
          </div>
          <Toasts page={page} />
          <SavedDialog page={page} />
        </div>
      </DrawingContext.Provider>
    </PageContext.Provider>
  );
}

function FirstLoad({ page }: { page: LivePage }) {
  if (page.connection.value === "ended" || page.frozenError.value) return null;
  return (
    <div class="spinner" role="status">
      <span class="spin" aria-hidden="true" />
      <span class="muted">{t("loading")}</span>
    </div>
  );
}

// Links to a heading do not find it inside a shadow root by themselves.
function followAnchors(root: HTMLElement | null): () => void {
  const follow = (event: Event) => {
    const link = (event.target as Element).closest?.("a[href^='#']");
    const target =
      link && root?.querySelector(`#${CSS.escape(decodeURIComponent(link.getAttribute("href")?.slice(1) ?? ""))}`);
    if (!target) return;
    event.preventDefault();
    history.replaceState(history.state, "", link.getAttribute("href"));
    target.scrollIntoView({ behavior: "smooth" });
  };
  root?.addEventListener("click", follow);
  return () => root?.removeEventListener("click", follow);
}
