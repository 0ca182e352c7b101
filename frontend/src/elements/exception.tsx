import type { Exception_Frame, Exception as Props } from "../protocol/dec/elements/exception";
import { t } from "../strings";
import { Icon } from "../ui/icon";
import type { View } from "../ui/view";

export function Exception({ props: { type, message, frames, reference } }: View<Props>) {
  return (
    <div class="exception alert bad" role="alert">
      <Icon name="alert" />
      <div>
        <p class="exception-head">
          <strong>{type}</strong>
          {message ? <span>{type ? `: ${message}` : message}</span> : null}
        </p>
        {frames.length ? (
          <ol class="frames">
            {frames.map((frame, index) => (
              <Frame key={index} {...frame} />
            ))}
          </ol>
        ) : null}
        {reference ? (
          <p class="muted">
            {t("reference")} <code>{reference}</code>
          </p>
        ) : null}
      </div>
    </div>
  );
}

function Frame({ file, line, function: name, source }: Exception_Frame) {
  return (
    <li>
      <span class="where">
        {file}:{line} <span class="muted">{name}</span>
      </span>
      {source ? <pre>{source}</pre> : null}
    </li>
  );
}
