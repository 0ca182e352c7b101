// The few commands on the page as a whole.
import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../strings";
import { Icon } from "../ui/icon";
import { usePopup } from "../ui/popup";
import type { LivePage } from "./live_page";

interface Item {
  label: string;
  key?: string;
  checked?: boolean;
  disabled?: boolean;
  action(): void;
}

function itemsOf(page: LivePage): Item[] {
  const live = page.connection.value === "live";
  const items: Item[] = [
    { label: t("rerun"), key: "R", action: () => page.rerun() },
    { label: t("stop"), disabled: !page.running.value || !live, action: () => page.stopRun() },
    { label: t("save_snapshot"), action: () => page.saveSnapshot() },
    { label: t("clear_cache"), key: "C", action: () => page.clearCache() },
  ];
  if (page.welcome.value?.debug) {
    const checked = page.runOnSave.value;
    const why = page.why.value;
    if (why) items.push({ label: `${t("last_run")} ${why}`, disabled: true, action() {} });
    items.push(
      { label: t("run_on_save"), checked, action: () => page.setRunOnSave(!checked) },
      { label: t("close_session"), disabled: !live, action: () => page.closeSession() },
    );
  }
  return items;
}

export function PageMenu({ page }: { page: LivePage }) {
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const popup = useRef<HTMLDivElement>(null);
  usePopup(open, button, popup);
  useEffect(() => {
    if (open) menuItems(popup.current)[0]?.focus();
  }, [open]);
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  const leave = (event: FocusEvent) => {
    const next = event.relatedTarget as Node | null;
    if (!popup.current?.contains(next) && next !== button.current) setOpen(false);
  };
  return (
    <>
      <button
        type="button"
        class="ghost"
        ref={button}
        aria-label={t("menu")}
        aria-haspopup="menu"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        <Icon name="dots" class="dots" />
      </button>
      <div
        popover="manual"
        class="menu"
        role="menu"
        tabIndex={-1}
        aria-label={t("menu")}
        ref={popup}
        onKeyDown={(event) => moveInMenu(event, close)}
        onBlur={leave}
      >
        {open ? itemsOf(page).map((item) => <MenuItem key={item.label} item={item} close={close} />) : null}
      </div>
    </>
  );
}

function menuItems(menu: HTMLElement | null): HTMLElement[] {
  return [...(menu?.querySelectorAll<HTMLElement>("[role^=menuitem]:not([disabled])") ?? [])];
}

function moveInMenu(event: KeyboardEvent & { currentTarget: HTMLElement }, close: () => void): void {
  const items = menuItems(event.currentTarget);
  const at = items.indexOf(event.target as HTMLElement);
  const targets: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 };
  const target = targets[event.key];
  if (event.key === "Escape" || event.key === "Tab") close();
  else if (target !== undefined) items.at(target % items.length)?.focus();
  else return;
  event.preventDefault();
}

function MenuItem({ item, close }: { item: Item; close(): void }) {
  const run = () => {
    close();
    item.action();
  };
  const inner = (
    <>
      <span>{item.label}</span>
      {item.key ? <kbd aria-hidden="true">{item.key}</kbd> : null}
      {item.checked ? <Icon name="check" /> : null}
    </>
  );
  return item.checked === undefined ? (
    <button type="button" role="menuitem" tabIndex={-1} disabled={item.disabled} onClick={run}>
      {inner}
    </button>
  ) : (
    <button type="button" role="menuitemcheckbox" aria-checked={item.checked} tabIndex={-1} onClick={run}>
      {inner}
    </button>
  );
}
