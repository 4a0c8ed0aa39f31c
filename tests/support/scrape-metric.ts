import type { Service } from "./stack.ts";

/**
 * The sum of a service's metric over the label sets that contain all of `labels`; 0 where there is none yet. A name
 * that it does not have is a mistake.
 */
export async function scrapeMetric(service: Service, name: string, ...labels: string[]): Promise<number> {
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
 * A connection that was kept may close while the next request is on its way: what changes nothing is asked again (RFC
 * 9110, 9.2.2).
 */
async function page(url: string, again = true): Promise<string> {
  try {
    return await (await fetch(url)).text();
  } catch (error) {
    if (!again || (error as { cause?: { code?: string } }).cause?.code !== "UND_ERR_SOCKET") throw error;
    return page(url, false);
  }
}
