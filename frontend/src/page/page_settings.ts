// What the server wrote into the page's markup.
export interface PageSettings {
  socketUrl: string;
  statusUrl: string;
  token: string;
  fingerprint: string;
  session: string;
  /** Several pages look at one session. */
  shared: boolean;
  title: string;
  loginUrl: string;
  debug: boolean;
  userName: string;
  frozenUrl: string;
  savedBy: string;
  savedAt: string;
  /** The document is this script app's own page: title, icon and keyboard are its, too. */
  ownsDocument: boolean;
}

/** Reads the attributes of <script-app>. */
export function readSettings(host: HTMLElement): PageSettings {
  const read = (name: string) => host.getAttribute(name) ?? "";
  const title = read("page-title");
  const ownsDocument = host.parentElement === document.body || (title !== "" && document.title.startsWith(title));
  return {
    socketUrl: read("socket-url"),
    statusUrl: read("status-url"),
    token: read("token"),
    fingerprint: read("fingerprint"),
    session: read("session"),
    shared: host.hasAttribute("scope"),
    title,
    loginUrl: read("login-url"),
    debug: host.hasAttribute("debug-mode") && read("debug-mode") !== "false",
    userName: read("user-name"),
    frozenUrl: read("frozen-url"),
    savedBy: read("saved-by"),
    savedAt: read("saved-at"),
    ownsDocument,
  };
}

let modules: Record<string, string> | undefined;

/** Where the file of a kind that is loaded on first use lies; undefined = the site has none. */
export function moduleUrl(kind: string): string | undefined {
  modules ??= JSON.parse(document.getElementById("scriptapps-modules")?.textContent || "{}") as Record<string, string>;
  return Object.hasOwn(modules, kind) ? modules[kind] : undefined;
}
