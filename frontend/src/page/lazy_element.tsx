// The host of an element whose file is loaded on first use. Built-in heavy kinds and third parties use the same contract.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { t } from "../strings";
import type { TreeNode } from "../tree/page_tree";
import { usePage } from "../ui/context";
import { Field } from "../ui/field";
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

export function LazyElement({ node, url }: { node: TreeNode; url: string }) {
  const page = usePage();
  const host = useRef<HTMLDivElement>(null);
  const mounted = useRef<ReturnType<Contract["mount"]> | undefined>(undefined);
  const [module, setModule] = useState<Contract | null>(); // null = it could not be loaded
  const bytes = node.props.value;
  const props = useMemo(() => module?.decode(bytes), [module, bytes]);
  const field = module?.field?.(props);
  const widget = useWidget(node, field);
  const { id, value, disabled, form, commit } = widget;
  const view: LazyView = {
    id,
    props,
    value: toPlain(value),
    disabled,
    send: (next) => commit(fromPlain(next)),
    files: () => page.filesOf(node.widgetId),
    busy: (by) => form?.draft.busy(by),
  };

  useEffect(() => {
    let wanted = true;
    load(url)
      .then((loaded) => wanted && setModule(loaded))
      .catch((reason) => {
        console.error(`scriptapps: ${node.kind} failed to load from ${url}`, reason);
        if (wanted) setModule(null);
      });
    return () => {
      wanted = false;
    };
  }, [url]);

  useEffect(() => {
    if (!module || !host.current) return;
    adoptCss(host.current, url, module.css);
    mounted.current = module.mount(host.current, view);
    return () => {
      mounted.current?.destroy();
      mounted.current = undefined;
    };
  }, [module]);

  useEffect(() => mounted.current?.update(view), [props, value, disabled]);

  if (module === null) return <p class="alert warn">{t("trying_again")}</p>;
  const element = <div class="lazy" ref={host} />;
  return field ? (
    <Field field={field} id={id}>
      {element}
    </Field>
  ) : (
    element
  );
}
