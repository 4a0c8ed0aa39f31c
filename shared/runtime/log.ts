import { pino, type Logger, type LoggerOptions } from "pino";

export type Log = Logger;

/** JSON lines on standard output: `time` in ISO 8601, `level` as a word, `service`, and the bound fields. */
export function createLog(service: string, level: string): Log {
  const output = pino.destination({ dest: 1, sync: true });
  // Without a reader of its log the service continues, and can end.
  output.on("error", () => {});
  const options: LoggerOptions = {
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: ["token", "authorization", "*.authorization"],
  };
  return pino(options, output);
}
