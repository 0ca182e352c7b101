import type { Code as Props } from "../protocol/dec/elements/code";
import { CopyButton } from "../ui/copy_button";
import type { View } from "../ui/view";

export function Code({ props: { body, language, lineNumbers, wrapLines, height } }: View<Props>) {
  const lines = body.replace(/\n$/, "").split("\n");
  return (
    <div class="code">
      <pre
        tabIndex={0}
        data-language={language || undefined}
        data-wrap={wrapLines || undefined}
        style={height ? { height: `${height}px` } : undefined}
      >
        {lineNumbers ? (
          <code class="numbered">
            {lines.map((line, index) => (
              <span key={index} class="code-line">
                {line}
                {"\n"}
              </span>
            ))}
          </code>
        ) : (
          <code>{body}</code>
        )}
      </pre>
      <CopyButton text={() => body} />
    </div>
  );
}
