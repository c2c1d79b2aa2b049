// Bundles the page into the folder that is named: `node build.mjs FOLDER`, with NODE_PATH set to
// where its packages are. Scripts, styles, fonts and workers all become files of that folder.
import { copyFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const here = import.meta.dirname;
const packages = process.env.NODE_PATH;
const folder = resolve(process.argv[2]);
const { build } = createRequire(join(resolve(packages), "here.js"))("esbuild");

const shared = {
  bundle: true,
  minify: true,
  outdir: folder,
  target: "es2022",
  logLevel: "warning",
  define: { "process.env.NODE_ENV": '"production"' },
  nodePaths: [resolve(packages)],
  loader: { ".graphql": "text", ".ttf": "file", ".woff2": "file" },
  legalComments: "linked",
};

await build({
  ...shared,
  entryPoints: { explorer: join(here, "source/explorer.jsx") },
  format: "esm",
  splitting: true, // what few ask for, such as the formatter, is loaded when it is asked for
  jsx: "automatic",
});
// Each in one file: what a worker would have to load once more, it would load from its own script.
await build({
  ...shared,
  entryPoints: {
    "editor.worker": "monaco-editor/esm/vs/editor/editor.worker.js",
    "json.worker": "monaco-editor/esm/vs/language/json/json.worker.js",
    "graphql.worker": "monaco-graphql/esm/graphql.worker.js",
  },
  format: "iife",
});
for (const name of ["index.html", "mark.svg"]) await copyFile(join(here, "source", name), join(folder, name));
