// Messages that appear for a few seconds, in a region that screen readers follow.
import { useEffect, useState } from "preact/hooks";
import { t } from "../strings";
import { Html } from "../ui/html";
import { Icon, ScriptIcon } from "../ui/icon";
import type { LivePage, ShownToast } from "./live_page";

export function Toasts({ page }: { page: LivePage }) {
  return (
    <section class="toasts" aria-live="polite" aria-label={t("notifications")}>
      {page.toasts.value.map((toast) => (
        <ToastCard key={toast.id} toast={toast} onEnd={() => page.dismissToast(toast.id)} />
      ))}
    </section>
  );
}

function ToastCard({ toast, onEnd }: { toast: ShownToast; onEnd(): void }) {
  const [held, setHeld] = useState(false);
  useEffect(() => {
    if (!toast.seconds || held) return undefined;
    const timer = setTimeout(onEnd, toast.seconds * 1000);
    return () => clearTimeout(timer);
  }, [held]);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: resting the pointer on a message keeps it
    <div
      class={toast.bad ? "toast bad" : "toast"}
      onMouseEnter={() => setHeld(true)}
      onMouseLeave={() => setHeld(false)}
      onFocusIn={() => setHeld(true)}
      onFocusOut={() => setHeld(false)}
    >
      <ScriptIcon icon={toast.icon} />
      {toast.text ? <span class="grow">{toast.text}</span> : <Html class="grow" html={toast.bodyHtml} />}
      <button type="button" class="ghost" aria-label={t("dismiss")} onClick={onEnd}>
        <Icon name="close" />
      </button>
    </div>
  );
}
