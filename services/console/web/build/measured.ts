import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Plugin, Rolldown } from "vite";

/** The largest first load, compressed by gzip: the page, its scripts and styles, and the first page behind it. */
const MOST = 150 * 1024;
const FIRST_PAGE = ["/pages/overview.tsx", "/ui/plot.tsx"];
const COMPRESSED = /\.(js|css|html|svg)$/;

type Bundle = Rolldown.OutputBundle;

/** Fails a build with a first load that is too large, and writes each file compressed too, so that no request does. */
export function measured(): Plugin {
  return {
    name: "measured",
    enforce: "post",
    apply: "build",
    generateBundle: {
      order: "post",
      handler(_, bundle) {
        const names = firstLoad(bundle);
        const bytes = names.reduce((sum, name) => sum + gzipSync(contentOf(bundle[name]!)).length, 0);
        const kilobytes = (bytes / 1024).toFixed(1);
        if (bytes > MOST)
          this.error(`The first load has ${kilobytes} KB, more than ${MOST / 1024}: ${names.join(", ")}`);
        this.info(`first load: ${kilobytes} KB of ${MOST / 1024} KB compressed, in ${names.length} files`);
        for (const [fileName, file] of Object.entries(bundle)) {
          if (!COMPRESSED.test(fileName)) continue;
          const content = Buffer.from(contentOf(file));
          // The highest quality takes ten times as long, and saves 3 %.
          const params = { [constants.BROTLI_PARAM_QUALITY]: 9 };
          this.emitFile({ type: "asset", fileName: `${fileName}.br`, source: brotliCompressSync(content, { params }) });
          this.emitFile({ type: "asset", fileName: `${fileName}.gz`, source: gzipSync(content) });
        }
        this.emitFile({ type: "asset", fileName: "first-load.json", source: `${JSON.stringify({ bytes, names })}\n` });
      },
    },
  };
}

/** All files that a browser needs before it shows the first page. */
function firstLoad(bundle: Bundle): string[] {
  const chunks = Object.values(bundle).filter((file) => file.type === "chunk");
  const found = new Set(["index.html"]);
  const add = (name: string): void => {
    if (found.has(name) || bundle[name] === undefined) return;
    found.add(name);
    const file = bundle[name];
    if (file.type !== "chunk") return;
    for (const style of stylesOf(file)) add(style);
    for (const imported of file.imports) add(imported);
  };
  for (const chunk of chunks)
    if (chunk.isEntry || FIRST_PAGE.some((page) => chunk.facadeModuleId?.endsWith(page) === true)) add(chunk.fileName);
  return [...found];
}

function stylesOf(chunk: Rolldown.OutputChunk): Iterable<string> {
  const { viteMetadata } = chunk as { viteMetadata?: { importedCss: Set<string> } };
  return viteMetadata?.importedCss ?? [];
}

const contentOf = (file: Bundle[string]): string | Uint8Array => (file.type === "chunk" ? file.code : file.source);
