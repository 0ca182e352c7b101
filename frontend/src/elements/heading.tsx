import type { Heading as Props } from "../protocol/dec/elements/heading";
import { t } from "../strings";
import { Help } from "../ui/field";
import { Html } from "../ui/html";
import type { View } from "../ui/view";

export function Heading({ props: { level, html, anchor, divider, helpHtml, align } }: View<Props>) {
  const Tag = level === 1 ? "h1" : level === 2 ? "h2" : "h3";
  return (
    <div class="heading" data-divider={divider || undefined} data-align={align || undefined}>
      <Tag id={anchor || undefined}>
        <Html html={html} inline />
      </Tag>
      {anchor ? (
        <a class="anchor" href={`#${anchor}`} aria-label={t("link")}>
          #
        </a>
      ) : null}
      <Help html={helpHtml} />
    </div>
  );
}
