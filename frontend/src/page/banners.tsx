// Messages that belong to the page as a whole: the script has changed, the connection is at its end, a saved page.
import type { EndReason } from "../connection/close_codes";
import { type StringName, t } from "../strings";
import { pageLanguage } from "../ui/format";
import { Icon } from "../ui/icon";
import type { LivePage } from "./live_page";

export function SourceBanner({ page }: { page: LivePage }) {
  const { changed, error } = page.source.value ?? { changed: false, error: "" };
  if (error) {
    return (
      <div class="banner alert bad" role="alert">
        <Icon name="alert" />
        <div>
          <p>{t("error_in_source")}</p>
          <pre>{error}</pre>
        </div>
      </div>
    );
  }
  if (!changed) return null;
  const always = () => {
    page.setRunOnSave(true);
    page.rerun();
  };
  return (
    <div class="banner alert info" role="status">
      <Icon name="info" />
      <p class="grow">{t("source_changed")}</p>
      <button type="button" class="button small secondary" onClick={() => page.rerun()}>
        {t("rerun")}
      </button>
      <button type="button" class="button small tertiary" onClick={always}>
        {t("always_rerun")}
      </button>
    </div>
  );
}

interface Way {
  label: StringName;
  go(page: LivePage): void;
}

const reload = () => location.reload();
const WAYS_ON: Record<EndReason, Way | undefined> = {
  closed_by_staff: { label: "start_again", go: (page) => page.again(false) },
  other_tab: { label: "use_here", go: (page) => page.again(true) },
  signed_out: { label: "sign_in", go: (page) => location.assign(page.loginUrl.value || location.href) },
  forbidden: undefined,
  gone: undefined,
  protocol_error: { label: "reload", go: reload },
};

export function EndNote({ page }: { page: LivePage }) {
  const reason = page.endReason.value;
  if (!reason) return null;
  const way = WAYS_ON[reason];
  return (
    <div class="banner alert warn" role="alert">
      <Icon name="alert" />
      <p class="grow">
        {t(`ended_${reason}`)} {page.endMessage}
      </p>
      {way ? (
        <button type="button" class="button small primary" onClick={() => way.go(page)}>
          {t(way.label)}
        </button>
      ) : null}
    </div>
  );
}

export function FrozenNote({ page }: { page: LivePage }) {
  if (!page.frozen) return null;
  if (page.frozenError.value) {
    return (
      <div class="banner alert bad" role="alert">
        <Icon name="alert" />
        <p>{t("not_saved")}</p>
      </div>
    );
  }
  const { savedBy: user, savedAt } = page.settings;
  const at = Date.parse(savedAt);
  const format = new Intl.DateTimeFormat(pageLanguage(), { dateStyle: "medium", timeStyle: "short" });
  const time = Number.isNaN(at) ? savedAt : format.format(at);
  return <p class="frozen-note caption">{user || time ? t("saved_by", { user, time }) : t("saved_page")}</p>;
}
