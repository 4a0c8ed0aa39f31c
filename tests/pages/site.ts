import { once } from "node:events";
import { createServer } from "node:http";
import { join } from "node:path";
import { rolldown } from "rolldown";

/** A site whose pages use the client library: the page, its scripts, and the tokens of its users. */
export interface Site {
  origin: string;
  /** Answers `GET /token?client=...`; the page uses any answer as its token. */
  token: (client: string) => string | Promise<string>;
  close(): Promise<void>;
}

const PAGE = '<!doctype html><title>A page</title><script type="module" src="/page.js"></script>';

export async function startSite(): Promise<Site> {
  const scripts = new Map(
    await Promise.all(["page", "worker"].map(async (name) => [`/${name}.js`, await bundled(name)] as [string, string])),
  );
  const server = createServer((request, response) => {
    const url = new URL(request.url!, "http://site");
    const script = scripts.get(url.pathname);
    if (script !== undefined) {
      response.writeHead(200, { "content-type": "text/javascript" }).end(script);
    } else if (url.pathname === "/token") {
      Promise.resolve(site.token(url.searchParams.get("client")!)).then(
        (token) => response.writeHead(200, { "content-type": "text/plain", "cache-control": "no-store" }).end(token),
        () => response.writeHead(500).end(),
      );
    } else {
      response.writeHead(200, { "content-type": "text/html" }).end(PAGE);
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const site: Site = {
    origin: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    token: () => Promise.reject(new Error("no tokens yet")),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return site;
}

async function bundled(name: string): Promise<string> {
  const bundle = await rolldown({ input: join(import.meta.dirname, `${name}.ts`), platform: "browser" });
  const { output } = await bundle.generate({ format: "esm" });
  await bundle.close();
  return output[0].code;
}
