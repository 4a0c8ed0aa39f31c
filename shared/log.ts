import { pino, type Logger } from "pino";

export type Log = Logger;

/** JSON lines on standard output: `time` in ISO 8601, `level` as a word, `service`, and what the line is bound to. */
export function createLog(service: string, level: string): Log {
  return pino({
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: ["token", "authorization", "*.authorization"],
  });
}
