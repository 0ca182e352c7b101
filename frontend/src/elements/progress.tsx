import type { Progress as Props } from "../protocol/dec/elements/progress";
import { t } from "../strings";
import { Html } from "../ui/html";
import type { View } from "../ui/view";

export function Progress({ node, props: { fraction, textHtml } }: View<Props>) {
  const percent = Math.round(Math.min(1, Math.max(0, fraction)) * 100);
  const id = `p${node.key}`;
  return (
    <div class="progress">
      {textHtml ? (
        <div id={id} class="label">
          <Html html={textHtml} inline />
        </div>
      ) : null}
      <div
        class="bar"
        role="progressbar"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={percent}
        {...(textHtml ? { "aria-labelledby": id } : { "aria-label": t("loading") })}
      >
        <div class="filled" style={{ width: `${percent}%` }} />
      </div>
    </div>
  );
}
