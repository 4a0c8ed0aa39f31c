import { Refusal, wrongQuery } from "./refusal.ts";

interface Range {
  least: number;
  most: number;
  otherwise: number;
}

export function numberIn(query: URLSearchParams, name: string, { least, most, otherwise }: Range): number {
  const text = query.get(name);
  if (text === null) return otherwise;
  const number = /^\d{1,5}$/.test(text) ? Number(text) : -1;
  if (number < least || number > most) throw new Refusal(wrongQuery(name, `a whole number from ${least} to ${most}`));
  return number;
}
