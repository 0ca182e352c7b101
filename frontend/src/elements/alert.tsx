import { Alert_Level, type Alert as Props } from "../protocol/dec/elements/alert";
import { Html } from "../ui/html";
import { Icon, type IconName, ScriptIcon } from "../ui/icon";
import type { View } from "../ui/view";

const LOOKS: Record<Alert_Level, { tone: string; icon: IconName }> = {
  [Alert_Level.INFO]: { tone: "info", icon: "info" },
  [Alert_Level.SUCCESS]: { tone: "good", icon: "check" },
  [Alert_Level.WARNING]: { tone: "warn", icon: "alert" },
  [Alert_Level.ERROR]: { tone: "bad", icon: "alert" },
};

export function Alert({ props: { level, html, icon, title } }: View<Props>) {
  const look = LOOKS[level] ?? LOOKS[Alert_Level.INFO];
  return (
    <div class={`alert ${look.tone}`} role={level >= Alert_Level.WARNING ? "alert" : "status"}>
      {icon ? <ScriptIcon icon={icon} /> : <Icon name={look.icon} />}
      <div class="prose">
        {title ? <strong class="alert-title">{title}</strong> : null}
        <Html html={html} />
      </div>
    </div>
  );
}
