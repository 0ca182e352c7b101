import { Metric_Tone, type Metric as Props } from "../protocol/dec/elements/metric";
import { Help } from "../ui/field";
import { Label } from "../ui/html";
import { Sparkline } from "../ui/sparkline";
import type { View } from "../ui/view";

const TONES = { [Metric_Tone.NEUTRAL]: "neutral", [Metric_Tone.GOOD]: "good", [Metric_Tone.BAD]: "bad" };

export function Metric({ props }: View<Props>) {
  const { label, labelHtml, labelHidden, value, delta, direction, tone, border, chart, chartType, helpHtml } = props;
  return (
    <div class="metric" data-border={border || undefined} role="group" aria-label={label}>
      <div class="metric-label" data-hidden={labelHidden || undefined}>
        <Label text={label} html={labelHtml} />
        <Help html={helpHtml} of={label} />
      </div>
      <div class="metric-value">
        <bdi>{value}</bdi>
      </div>
      {delta ? (
        <div class={`delta ${TONES[tone] ?? "neutral"}`}>
          <span class="unseen">{direction < 0 ? "−" : direction > 0 ? "+" : ""}</span>
          {direction ? <span aria-hidden="true">{direction > 0 ? "▲" : "▼"} </span> : null}
          <bdi>{delta}</bdi>
        </div>
      ) : null}
      {chart.length > 1 ? <Sparkline values={chart} type={chartType} /> : null}
    </div>
  );
}
