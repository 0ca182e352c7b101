// The link of a snapshot that was just saved.
import { useEffect, useRef } from "preact/hooks";
import { t } from "../strings";
import { CopyButton } from "../ui/copy_button";
import type { LivePage } from "./live_page";

export function SavedDialog({ page }: { page: LivePage }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const saved = page.saved.value;
  useEffect(() => {
    if (saved && !dialog.current?.open) dialog.current?.showModal();
  }, [saved]);
  if (!saved) return null;
  const url = new URL(saved.url, location.href).href;
  return (
    <dialog
      ref={dialog}
      aria-labelledby="saved-title"
      onClose={() => {
        page.saved.value = undefined;
      }}
    >
      <h2 id="saved-title">{t("snapshot_saved")}</h2>
      <p>{t("snapshot_note")}</p>
      <div class="box">
        <input
          type="text"
          readOnly
          aria-label={t("link")}
          value={url}
          onFocus={(event) => event.currentTarget.select()}
        />
        <CopyButton text={() => url} />
      </div>
      <div class="dialog-end">
        <a href={url} target="_blank" rel="noopener">
          {saved.title || t("saved_page")}
        </a>
        <button type="button" class="button primary" onClick={() => dialog.current?.close()}>
          {t("close")}
        </button>
      </div>
    </dialog>
  );
}
