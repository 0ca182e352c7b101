// The host of an element whose file is loaded on first use. Built-in heavy kinds and third parties use the same contract.
import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../strings";
import type { TreeNode } from "../tree/page_tree";
import { useWidget } from "../ui/use_widget";
import type { LazyElement as Contract, LazyView } from "../ui/view";
import { fromPlain, toPlain } from "./plain_value";

const loading = new Map<string, Promise<Contract>>();
const adopted = new WeakMap<ShadowRoot, Set<string>>();

function load(url: string): Promise<Contract> {
  let module = loading.get(url);
  if (!module) {
    module = import(url).then((file: { default: Contract }) => file.default);
    module.catch(() => loading.delete(url)); // the next element tries again
    loading.set(url, module);
  }
  return module;
}

function adoptCss(host: HTMLElement, url: string, css: string | undefined): void {
  const root = host.getRootNode();
  if (!css || !(root instanceof ShadowRoot)) return;
  const known = adopted.get(root) ?? new Set();
  adopted.set(root, known);
  if (known.has(url)) return;
  known.add(url);
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
}

interface Mounted {
  module: Contract;
  handle: ReturnType<Contract["mount"]>;
  bytes: Uint8Array;
  props: unknown;
}

export function LazyElement({ node, url }: { node: TreeNode; url: string }) {
  const host = useRef<HTMLDivElement>(null);
  const mounted = useRef<Mounted | undefined>(undefined);
  const [error, setError] = useState(false);
  const widget = useWidget(node, undefined);
  const bytes = node.props.value;
  const view = (props: unknown): LazyView => ({
    id: widget.id,
    props,
    value: toPlain(widget.value),
    disabled: widget.disabled,
    send: (value) => widget.commit(fromPlain(value)),
  });
  const latest = useRef({ bytes, view });
  latest.current = { bytes, view };

  useEffect(() => {
    let wanted = true;
    load(url)
      .then((module) => {
        if (!wanted || !host.current) return;
        adoptCss(host.current, url, module.css);
        const now = latest.current;
        const props = module.decode(now.bytes);
        mounted.current = { module, props, bytes: now.bytes, handle: module.mount(host.current, now.view(props)) };
      })
      .catch((reason) => {
        console.error(`scriptapps: ${node.kind} failed to load from ${url}`, reason);
        if (wanted) setError(true);
      });
    return () => {
      wanted = false;
      mounted.current?.handle.destroy();
      mounted.current = undefined;
    };
  }, [url]);

  useEffect(() => {
    const now = mounted.current;
    if (!now) return;
    if (now.bytes !== bytes) Object.assign(now, { bytes, props: now.module.decode(bytes) });
    now.handle.update(view(now.props));
  }, [bytes, widget.value, widget.disabled]);

  if (error) return <p class="alert warn">{t("trying_again")}</p>;
  return <div class="lazy" ref={host} />;
}
