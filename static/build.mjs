// Copies what the pages need out of node_modules into static/vendor, each with its licence.
// Run by `make assets`; the result is committed, so that running Reverie needs no Node.js.
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
const PACKAGES = join(HERE, "..", "node_modules");
const VENDOR = join(HERE, "vendor");

const ICONS = `
  activity archive arrow-down arrow-left arrow-up badge-check ban book-open bookmark bot brain
  braces calendar-clock check chevron-down chevron-left chevron-right chevrons-up-down circle
  circle-alert circle-check circle-question-mark circle-stop circle-user clipboard-check clock code
  coins columns-2 combine copy corner-down-right cpu database download ellipsis eye eye-off file
  file-clock file-diff file-pen file-plus file-text file-x fold-vertical folder folder-input
  folder-open folder-search funnel gauge git-compare git-merge history house import inbox info
  key-round keyboard layers link list list-checks list-filter list-tree lock log-out menu
  message-square message-square-plus messages-square monitor moon moon-star move octagon-alert
  panel-right pencil pilcrow pin plug plus quote receipt-text refresh-cw regex repeat replace
  rotate-ccw rows-2 save scissors search server settings shield-alert shield-check sparkles split
  square star sun tag target terminal text-search timer trash-2 triangle-alert undo-2
  unfold-vertical upload user user-plus users webhook wrench x
`.trim().split(/\s+/);

const SCRIPTS = [
  ["htmx.org", "dist/htmx.min.js", "htmx.min.js"],
  ["htmx-ext-sse", "dist/sse.min.js", "htmx-ext-sse.min.js"],
  ["idiomorph", "dist/idiomorph-ext.min.js", "idiomorph-ext.min.js"],
];

const FONTS = [
  ["@fontsource-variable/inter", "inter", ["normal", "italic"]],
  ["@fontsource-variable/jetbrains-mono", "jetbrains-mono", ["normal"]],
];

async function licence(name, as) {
  await cp(join(PACKAGES, name, "LICENSE"), join(VENDOR, "licences", `${as}.txt`));
}

async function scripts() {
  for (const [name, from, to] of SCRIPTS) {
    const text = await readFile(join(PACKAGES, name, from), "utf8");
    // A source map that is not shipped would break Django's manifest of static files.
    await writeFile(join(VENDOR, to), text.replace(/\n?\/\/# sourceMappingURL=.*\s*$/, "\n"));
    await licence(name, name);
  }
}

// One file with what editor.mjs asks for and nothing else; each package in it keeps its licence.
async function editor() {
  const { metafile } = await build({
    entryPoints: [join(HERE, "editor.mjs")],
    outfile: join(VENDOR, "codemirror.min.js"),
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    legalComments: "none",
    metafile: true,
  });
  const [{ inputs }] = Object.values(metafile.outputs);
  const inside = Object.keys(inputs).filter((path) => inputs[path].bytesInOutput);
  const names = inside.map((path) => path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1]);
  for (const name of new Set(names.filter(Boolean))) await licence(name, name.replace("@", "").replace("/", "-"));
}

async function fonts() {
  for (const [name, family, slants] of FONTS) {
    for (const slant of slants) {
      for (const subset of ["latin", "latin-ext"]) {
        const file = `${family}-${subset}-wght-${slant}.woff2`;
        await cp(join(PACKAGES, name, "files", file), join(VENDOR, "fonts", file));
      }
    }
    await licence(name, family);
  }
}

function symbol(name, svg) {
  const shapes = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.indexOf("</svg>"));
  return `<symbol id="${name}" viewBox="0 0 24 24">${shapes.replace(/\s*\n\s*/g, "")}</symbol>`;
}

async function icons() {
  const symbols = [];
  for (const name of ICONS) {
    const svg = await readFile(join(PACKAGES, "lucide-static", "icons", `${name}.svg`), "utf8");
    symbols.push(symbol(name, svg));
  }
  const sprite = `<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join("\n")}\n</svg>\n`;
  await writeFile(join(VENDOR, "icons.svg"), sprite);
  await licence("lucide-static", "lucide");
}

await rm(VENDOR, { recursive: true, force: true });
await mkdir(join(VENDOR, "licences"), { recursive: true });
await Promise.all([scripts(), editor(), fonts(), icons()]);
