import { once } from "node:events";
import type { Socket } from "node:net";
import type { Heard } from "./raw-requests.ts";

/** Requests and answers on bare sockets, as text. */
export const head = (line: string, ...headers: string[]): string =>
  `${line} HTTP/1.1\r\nhost: x\r\n${headers.map((one) => `${one}\r\n`).join("")}\r\n`;
export const bearer = (token: string): string => `authorization: Bearer ${token}`;
export const statuses = ({ answers }: Heard): number[] => answers.map(({ status }) => status);

/** The head of the next answer, and the bytes after it. They can arrive in pieces: a later upgrade is not corked. */
export async function headFrom(socket: Socket): Promise<string> {
  let said = "";
  while (!said.includes("\r\n\r\n")) said += ((await once(socket, "data")) as [Buffer])[0].toString("latin1");
  return said;
}
