// Over the page: the thin line and the stop button of a long run, the connection's note, the page menu.
import type { ComponentChildren } from "preact";
import { t } from "../strings";
import { Icon } from "../ui/icon";
import type { LivePage } from "./live_page";
import { PageMenu } from "./page_menu";

export function TopBar({ page, children }: { page: LivePage; children: ComponentChildren }) {
  const running = page.running.value;
  const offline = page.stale.value && page.connection.value !== "ended";
  return (
    <header class="top">
      <div class="top-start">{children}</div>
      <div class="top-end">
        <div role="status" class="run-state">
          {offline ? (
            <span class="note">{t("offline")}</span>
          ) : running ? (
            <span class="unseen">{t("running")}</span>
          ) : null}
        </div>
        {page.observers.value ? <span class="note shown">{t("watched")}</span> : null}
        {page.readOnly.value && !page.frozen ? (
          <span class="note shown">
            {t("viewing_only")} {page.why}
          </span>
        ) : null}
        {running ? (
          <>
            <div class="run-line" aria-hidden="true" />
            {page.readOnly.value ? null : (
              <button type="button" class="ghost framed stop" onClick={() => page.stopRun()}>
                <Icon name="stop" />
                {t("stop")}
              </button>
            )}
          </>
        ) : null}
        {page.readOnly.value ? null : <PageMenu page={page} />}
      </div>
    </header>
  );
}
