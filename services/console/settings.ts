import { commonSettings } from "@saasaparilla/shared/settings.ts";
import { identitySettings } from "@saasaparilla/shared/auth/settings.ts";
import { nodeServerSettings } from "@saasaparilla/shared/http/settings.ts";
import { z } from "zod";

const serviceUrl = (services: string, port: number) =>
  z
    .url({ protocol: /^https?$/ })
    .default(`http://127.0.0.1:${port}`)
    .meta({
      description: `The address of the ${services}, to which the console relays requests of its users.`,
    });

export const consoleSettings = commonSettings.extend({
  ...identitySettings.shape,
  ...nodeServerSettings.shape,
  PORT: z.coerce
    .number()
    .int()
    .min(0)
    .max(65535)
    .default(8083)
    .meta({ description: "The port that the service listens on." }),
  CONSOLE_URL: z
    .url({ protocol: /^https?$/ })
    .refine(isSafe, "an https address, or http on this machine")
    .optional()
    .meta({
      description:
        "The console's address in browsers, as https://console.example.com. Sign-in by OpenID Connect needs it. Without it, the Host header names it.",
    }),
  PROMETHEUS_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .meta({
      description:
        "The address of a Prometheus server that has the services' metrics. Without it, figures come from METRICS_URLS.",
    }),
  METRICS_URLS: z
    .string()
    .default("")
    .transform((list) => list.split(",").flatMap((one) => (one.trim() === "" ? [] : [one.trim()])))
    .pipe(z.array(z.url({ protocol: /^https?$/ })).max(100))
    .meta({
      description:
        "The services' addresses, separated by commas: http://receiver:8080,http://director:8082. The console reads /metrics and /health/ready of each process behind them while somebody looks, and keeps an hour in memory.",
    }),
  RECEIVER_URL: serviceUrl("receivers", 8080),
  DISTRIBUTOR_URL: serviceUrl("distributors", 8081),
  DIRECTOR_URL: serviceUrl("directors", 8082),
  COURIER_URL: serviceUrl("couriers", 8084),
  DISPATCHER_URL: serviceUrl("dispatchers", 8085),
  OPERATOR_RATE: z.coerce
    .number()
    .min(0.001)
    .default(50)
    .meta({ description: "Requests per second of a tenant's operators. All changes share one lock." }),
  OPERATOR_BURST: z.coerce.number().int().min(1).default(500).meta({ description: "Such requests in a burst." }),
});

/** A session cookie without `Secure` stays on this machine. */
function isSafe(address: string): boolean {
  const { protocol, hostname } = new URL(address);
  return protocol === "https:" || ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
}
