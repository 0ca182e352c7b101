// Every text of the client itself; a file that is loaded on first use has its own. The page may translate any of them in
// <script type="application/json" id="scriptapps-strings">{"stop": "Anhalten", ...}</script>
const english = {
  add_option: "Add “{label}”",
  always_rerun: "Always rerun",
  cache_cleared: "Cache cleared",
  clear: "Clear",
  clear_cache: "Clear cache",
  close: "Close",
  close_session: "Close session",
  copied: "Copied",
  copy: "Copy",
  decrease: "Decrease",
  dismiss: "Dismiss",
  ended_closed_by_staff: "This session was closed.",
  ended_forbidden: "You may no longer open this page.",
  ended_gone: "This page does not exist any more, or it is switched off.",
  ended_other_tab: "This session goes on in another tab.",
  ended_protocol_error: "This page and its server do not understand each other. It may have been updated.",
  ended_signed_out: "You are signed out.",
  error_in_source: "The script cannot be compiled. This is the last page that worked.",
  from: "from",
  help: "Help",
  hide_sidebar: "Hide sidebar",
  increase: "Increase",
  last_run: "Last run:",
  link: "Link",
  loading: "Loading",
  menu: "Page menu",
  no_results: "No results",
  not_saved: "The saved page could not be loaded.",
  notifications: "Notifications",
  offline: "Reconnecting. What you change now is sent when the connection is back.",
  press_to_apply: "{keys} to apply",
  reference: "Reference",
  reload: "Reload",
  remove: "Remove {label}",
  rerun: "Rerun",
  run_on_save: "Run on save",
  running: "Running",
  save_snapshot: "Save snapshot",
  saved_by: "Saved by {user}, {time}",
  saved_page: "Saved page",
  show_password: "Show password",
  hide_password: "Hide password",
  show_sidebar: "Show sidebar",
  sidebar: "Sidebar",
  sign_in: "Sign in",
  snapshot_saved: "Snapshot saved",
  snapshot_note: "Those who may open this page can see it as it is now, at this address:",
  source_changed: "The script has changed.",
  start_again: "Start again",
  stop: "Stop",
  to: "to",
  trying_again: "This element failed to load.",
  unknown_kind: "This page does not know the element “{kind}”. Reload it.",
  use_here: "Use here",
  watched: "Staff are watching this page.",
  viewing_only: "You are watching this session; you cannot change it.",
  most_selected: "No more than {count} can be chosen",
};

export type StringName = keyof typeof english;

/** Texts of a file that is loaded on first use: a function that gives one with its {names} filled in. */
export function texts<N extends string>(own: Record<N, string>) {
  let catalogue: Record<N, string> | undefined;
  return (name: N, values: Record<string, string | number> = {}): string => {
    catalogue ??= { ...own, ...JSON.parse(document.getElementById("scriptapps-strings")?.textContent || "{}") };
    return (catalogue as Record<N, string>)[name].replace(/\{(\w+)\}/g, (whole, key) => String(values[key] ?? whole));
  };
}

/** A text of the client with its {names} filled in. */
export const t = /* @__PURE__ */ texts(english);
