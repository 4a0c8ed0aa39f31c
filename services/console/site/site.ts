import { createHash } from "node:crypto";
import { existsSync, globSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import type { SiteRequest } from "@saasaparilla/shared/http/base-server.ts";
import type { HttpResponse } from "@saasaparilla/shared/http/response.ts";
import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import { SECURITY_HEADERS } from "./headers.ts";

/** All files are in memory. */
const MOST_BYTES = 32 << 20;
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".webmanifest": "application/manifest+json",
};
/** The first one that the browser accepts. */
const ENCODINGS = { br: ".br", gzip: ".gz" } as const;
/** Their names have a hash of their content. */
const HASHED = /^\/assets\//;
const API = /^\/(?:v1|api|health|metrics|problems)(?:\/|$)/;
const PAGE_OF_TENANT = /^\/t\/[^/]+\/[a-z-]+(?:\/[^/]*)?$/;
const INDEX = "/index.html";

interface File {
  type: string;
  etag: string;
  plain: Buffer;
  encoded: Partial<Record<keyof typeof ENCODINGS, Buffer>>;
}

const NOT_BUILT =
  '<!doctype html><html lang="en"><meta charset="utf-8"><title>Console</title><h1>The web application is not built</h1>' +
  "<p>Build it with <code>npx just console-web</code>, then restart this service. The API works without it: <a href=/docs>/docs</a>.</p></html>";

/** The files of the web application. Every other path that a browser opens is a page of it. */
export class Site {
  readonly #files: ReadonlyMap<string, File>;

  constructor(folder: string) {
    this.#files = existsSync(folder) ? filesOf(folder) : new Map();
  }

  /** Undefined: the path belongs to the API or is unknown. */
  answer({ path, headers }: SiteRequest): HttpResponse | undefined {
    const found = path === "/" ? undefined : this.#files.get(path);
    if (found) return answered(found, headers, HASHED.test(path));
    // A missing script must not be answered by a page. Names in the path of a tenant's page can have dots.
    const named = PAGE_OF_TENANT.test(path) || extname(path) === "";
    const isPage = path === "/" || ((headers.accept ?? "").includes("text/html") && named);
    if (!isPage || API.test(path)) return undefined;
    const index = this.#files.get(INDEX);
    if (index) return answered(index, headers, false);
    return { status: 503, headers: { ...SECURITY_HEADERS, "content-type": TYPES[".html"]! }, body: NOT_BUILT };
  }
}

function answered(file: File, headers: SiteRequest["headers"], immutable: boolean): HttpResponse {
  const { type, etag, plain, encoded } = file;
  const common = {
    ...SECURITY_HEADERS,
    etag,
    vary: "accept-encoding",
    "cache-control": immutable ? "public, max-age=31536000, immutable" : "no-cache",
  };
  const known = (headers["if-none-match"] ?? "").split(/, */).map((one) => one.replace(/^W\//, ""));
  if (known.includes(etag)) return { status: 304, headers: common };
  const encoding = (["br", "gzip"] as const).find(
    (one) => encoded[one] !== undefined && accepts(headers["accept-encoding"] ?? "", one),
  );
  const all = { ...common, "content-type": type, ...(encoding && { "content-encoding": encoding }) };
  return { status: 200, headers: all, body: encoding ? encoded[encoding]! : plain };
}

function accepts(header: string, encoding: string): boolean {
  return header.split(",").some((one) => {
    const [name = "", ...parameters] = one.split(";").map((part) => part.trim().toLowerCase());
    return name === encoding && !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
  });
}

function filesOf(folder: string): Map<string, File> {
  const files = new Map<string, File>();
  let bytes = 0;
  const read = (path: string): Buffer => {
    const content = readFileSync(path);
    bytes += content.length;
    if (bytes > MOST_BYTES)
      throw new Failure("fatal", `The files in ${folder} have more than ${MOST_BYTES >> 20} MB. Build it again.`);
    return content;
  };
  for (const name of globSync("**/*", { cwd: folder })) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    const path = join(folder, name);
    const plain = read(path);
    const encoded = Object.fromEntries(
      Object.entries(ENCODINGS).flatMap(([encoding, suffix]) =>
        existsSync(path + suffix) ? [[encoding, read(path + suffix)]] : [],
      ),
    );
    const etag = `"${createHash("sha256").update(plain).digest("base64url").slice(0, 22)}"`;
    files.set(`/${name}`, { type, etag, plain, encoded });
  }
  return files;
}
