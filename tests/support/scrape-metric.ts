import type { Service } from "./stack.ts";

/**
 * The sum of a service's metric over the label sets that contain all of `labels`; 0 if there is none yet. An unknown
 * name is an error.
 */
export async function scrapeMetric(
  service: Pick<Service, "kind" | "url">,
  name: string,
  ...labels: string[]
): Promise<number> {
  const text = await page(`${service.url}/metrics`);
  const lines = text.split("\n");
  const names = [name, name.replace(/_(sum|count|bucket)$/, "")];
  if (!names.some((known) => lines.some((line) => line.startsWith(`# HELP ${known} `))))
    throw new Error(`The ${service.kind} has no metric ${name}.`);
  let sum = 0;
  for (const line of lines) {
    if (!line.startsWith(`${name}{`) && !line.startsWith(`${name} `)) continue;
    if (labels.every((label) => line.includes(label))) sum += Number(line.slice(line.lastIndexOf(" ") + 1));
  }
  return sum;
}

/**
 * A kept connection may close during the next request: a request that changes nothing is repeated (RFC 9110, 9.2.2).
 */
async function page(url: string, again = true): Promise<string> {
  try {
    return await (await fetch(url)).text();
  } catch (error) {
    if (!again || (error as { cause?: { code?: string } }).cause?.code !== "UND_ERR_SOCKET") throw error;
    return page(url, false);
  }
}
