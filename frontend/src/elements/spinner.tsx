import { useEffect, useState } from "preact/hooks";
import type { Spinner as Props } from "../protocol/dec/elements/spinner";
import { t } from "../strings";
import { Html } from "../ui/html";
import type { View } from "../ui/view";

export function Spinner({ props: { textHtml, showTime } }: View<Props>) {
  return (
    <div class="spinner" role="status">
      <span class="spin" aria-hidden="true" />
      {textHtml ? <Html html={textHtml} inline /> : <span class="unseen">{t("loading")}</span>}
      {showTime ? <Seconds /> : null}
    </div>
  );
}

function Seconds() {
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    const start = performance.now();
    const timer = setInterval(() => setSeconds((performance.now() - start) / 1000), 100);
    return () => clearInterval(timer);
  }, []);
  return (
    <span class="muted" aria-hidden="true">
      {seconds.toFixed(1)} s
    </span>
  );
}
