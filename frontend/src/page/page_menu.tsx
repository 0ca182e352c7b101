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
  const items = itemsOf(page);
  useEffect(() => {
    if (open) focusItem(popup.current, 0);
  }, [open]);
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  const keyDown = (event: KeyboardEvent) => {
    const list = [...(popup.current?.querySelectorAll<HTMLElement>("[role^=menuitem]:not([disabled])") ?? [])];
    const at = list.indexOf(event.target as HTMLElement);
    if (event.key === "Escape" || event.key === "Tab") close();
    else if (event.key === "ArrowDown") list[(at + 1) % list.length]?.focus();
    else if (event.key === "ArrowUp") list[(at - 1 + list.length) % list.length]?.focus();
    else if (event.key === "Home") list[0]?.focus();
    else if (event.key === "End") list[list.length - 1]?.focus();
    else return;
    event.preventDefault();
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
        onKeyDown={keyDown}
        onBlur={(event) => {
          const next = event.relatedTarget as Node | null;
          if (!popup.current?.contains(next) && next !== button.current) setOpen(false);
        }}
      >
        {open ? items.map((item) => <MenuItem key={item.label} item={item} close={close} />) : null}
      </div>
    </>
  );
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

function focusItem(menu: HTMLElement | null, index: number): void {
  menu?.querySelectorAll<HTMLElement>("[role^=menuitem]:not([disabled])")[index]?.focus();
}
