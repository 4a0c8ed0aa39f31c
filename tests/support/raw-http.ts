import type { Heard } from "./raw-requests.ts";

/** Requests and answers on bare sockets, as text. */
export const head = (line: string, ...headers: string[]): string =>
  `${line} HTTP/1.1\r\nhost: x\r\n${headers.map((one) => `${one}\r\n`).join("")}\r\n`;
export const bearer = (token: string): string => `authorization: Bearer ${token}`;
export const statuses = ({ answers }: Heard): number[] => answers.map(({ status }) => status);
