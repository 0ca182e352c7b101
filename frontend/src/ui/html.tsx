// The only place where the server's HTML enters the page. The server has made it safe; the policy says so
// to browsers that ask (Content-Security-Policy: require-trusted-types-for).
import { useMemo } from "preact/hooks";

interface Policy {
  createHTML(html: string): string;
}
const factory = (globalThis as { trustedTypes?: { createPolicy(name: string, rules: Policy): Policy } }).trustedTypes;
const policy = factory?.createPolicy("scriptapps", { createHTML: (html) => html });

interface Props {
  html: string;
  inline?: boolean;
  class?: string;
}

export function Html({ html, inline = false, class: name = "" }: Props) {
  const inner = useMemo(() => ({ __html: policy ? policy.createHTML(html) : html }), [html]);
  const Tag = inline ? "span" : "div";
  return <Tag class={`html ${name}`} dangerouslySetInnerHTML={inner} />;
}

/** A label that may have markup. */
export function Label({ text, html }: { text: string; html: string }) {
  return html ? <Html html={html} inline /> : <>{text}</>;
}
