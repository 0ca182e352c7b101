// `node build.mjs [folder]`: bundles app.js and elements/<lazy kind>.js. No built file imports another, so any static
// files storage may rename them. The messages of src/protocol must have been generated before (see README.md).
import { existsSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import "./generate.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ? resolve(process.argv[2]) : join(here, "..", "scriptapps", "static", "scriptapps");

if (!existsSync(join(here, "src", "protocol", "dec", "messages.ts"))) {
  console.error("frontend/src/protocol is not generated yet: run protoc first, see frontend/README.md");
  process.exit(1);
}

const target = ["chrome123", "firefox125", "safari17.5"];

// Style sheets become minified text: they are adopted by the shadow root, never linked.
const cssAsText = {
  name: "css-as-text",
  setup(builder) {
    builder.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const sheet = await build({ entryPoints: [path], bundle: true, minify: true, write: false, target });
      return { contents: sheet.outputFiles[0].text.trim(), loader: "text" };
    });
  },
};

const lazy = readdirSync(join(here, "src", "lazy"))
  .filter((file) => /^[a-z_0-9]+\.ts$/.test(file))
  .map((file) => file.slice(0, -3));

const common = {
  absWorkingDir: here,
  outdir: out,
  bundle: true,
  splitting: false,
  format: "esm",
  minify: true,
  target,
  legalComments: "none",
  charset: "utf8",
  plugins: [cssAsText],
  logLevel: "warning",
};

await build({
  ...common,
  entryPoints: [{ in: "src/main.tsx", out: "app" }],
  jsx: "transform",
  jsxFactory: "h",
  jsxFragment: "Fragment",
  inject: ["src/jsx.ts"],
  tsconfigRaw: {}, // for TypeScript and the tests JSX is automatic
});
await build({
  ...common,
  entryPoints: lazy.map((kind) => ({ in: `src/lazy/${kind}.ts`, out: `elements/${kind}` })),
});
