// Draws the client's own icons, and those that a script chose.
import { PATHS } from "./icon_paths";

export type IconName = keyof typeof PATHS;

export function Icon({ name, class: extra = "" }: { name: IconName; class?: string }) {
  return (
    <svg class={`icon ${extra}`} viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** An icon that the script chose: an emoji. Decoration, since the label says the same. */
export function ScriptIcon({ icon }: { icon: string }) {
  return icon ? (
    <span class="emoji" aria-hidden="true">
      {icon}
    </span>
  ) : null;
}
