import type { HttpResponse } from "./response.ts";

const COMMA = Buffer.from(",");

/** An object with one list, of which each item ends with the publisher's own bytes. `more`: further members as text. */
export function listResponse(name: string, items: readonly Buffer[][], more = ""): HttpResponse {
  const parts: Buffer[] = [Buffer.from(`{"${name}":[`)];
  items.forEach((item, index) => {
    if (index > 0) parts.push(COMMA);
    parts.push(...item);
  });
  parts.push(Buffer.from(`]${more}}`));
  return { status: 200, headers: { "content-type": "application/json" }, body: Buffer.concat(parts) };
}
