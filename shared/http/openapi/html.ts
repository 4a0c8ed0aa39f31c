import type { HttpResponse } from "#http/response.ts";

/** A page without resources from other servers. */
export function html(title: string, body: string): HttpResponse {
  const headers = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
  };
  const head = `<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escape(title)}</title><style>${STYLE}</style>`;
  return {
    status: 200,
    headers,
    body: `<!doctype html><html lang="en"><head>${head}</head><body>${body}</body></html>`,
  };
}

export function table(head: string[], rows: string[][]): string {
  const row = (cells: string[], tag: "th" | "td"): string =>
    `<tr>${cells.map((cell, i) => `<${tag}>${i === 0 && tag === "td" ? `<code>${escape(cell)}</code>` : prose(cell)}</${tag}>`).join("")}</tr>`;
  return `<div class="wide"><table><thead>${row(head, "th")}</thead><tbody>${rows.map((cells) => row(cells, "td")).join("")}</tbody></table></div>`;
}

export function code(text: string): string {
  return `<pre><code>${escape(text)}</code></pre>`;
}

/** Escaped text, with code for text between backticks. */
export function prose(text: string): string {
  return escape(text).replace(/`([^`]+)`/g, "<code>$1</code>");
}

export function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

const STYLE = `:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h2{margin-top:2.5rem;border-bottom:1px solid #8886}pre{background:#8882;padding:.75rem;overflow:auto;border-radius:4px}code{font:.9em ui-monospace,monospace}h2 code{overflow-wrap:anywhere}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.35rem .75rem .35rem 0;border-bottom:1px solid #8884}`;
