import { commonSettings } from "@saasaparilla/shared/settings.ts";
import { identitySettings } from "@saasaparilla/shared/auth/settings.ts";
import { nodeServerSettings } from "@saasaparilla/shared/http/settings.ts";
import { z } from "zod";
import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import type { OpenIdSettings } from "#sessions/openid.ts";
import { roleMapping } from "#sessions/roles.ts";

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
  CONSOLE_OIDC_ISSUER: z
    .url({ protocol: /^https?$/ })
    .refine(isSafe, "an https address, or http on this machine")
    .optional()
    .meta({
      description:
        "The OpenID provider at which people sign in. It needs CONSOLE_OIDC_CLIENT_ID, CONSOLE_OIDC_CLIENT_SECRET, CONSOLE_URL and SECRETS_KEY. Register CONSOLE_URL/v1/sign-in/callback there.",
    }),
  CONSOLE_OIDC_CLIENT_ID: z.string().min(1).optional().meta({ description: "The console's client id there." }),
  CONSOLE_OIDC_CLIENT_SECRET: z.string().min(1).optional().meta({ description: "The console's client secret there." }),
  CONSOLE_OIDC_SCOPE: z
    .string()
    .regex(/(?:^| )openid(?: |$)/, "scopes, openid among them")
    .default("openid profile")
    .meta({ description: "The scopes that the console asks the provider for." }),
  CONSOLE_OIDC_ROLES_CLAIM: z
    .string()
    .min(1)
    .default("roles")
    .meta({ description: "The claim with a person's roles: roles, groups, or nested as realm_access.roles." }),
  CONSOLE_OIDC_ROLES: roleMapping.meta({
    description:
      'The rights of each role, as JSON: {"support": {"tenant": "*", "scopes": ["read"]}}. `*` is the whole platform. A person without a role is refused.',
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

/** Undefined without a provider. Throws a `fatal` if a setting is missing. */
export function openIdSettings(settings: z.output<typeof consoleSettings>): OpenIdSettings | undefined {
  const {
    CONSOLE_OIDC_ISSUER: issuer,
    CONSOLE_OIDC_CLIENT_ID: clientId,
    CONSOLE_OIDC_CLIENT_SECRET: clientSecret,
    CONSOLE_URL: consoleUrl,
    CONSOLE_OIDC_SCOPE: scope,
    SECRETS_KEY,
  } = settings;
  if (issuer === undefined) return undefined;
  const sealed = SECRETS_KEY.length > 0;
  if (clientId === undefined || clientSecret === undefined || consoleUrl === undefined || !sealed) {
    const names = "CONSOLE_OIDC_CLIENT_ID, CONSOLE_OIDC_CLIENT_SECRET, CONSOLE_URL and SECRETS_KEY";
    throw new Failure("fatal", `CONSOLE_OIDC_ISSUER is set, so ${names} must be set too.`);
  }
  return { issuer, clientId, clientSecret, consoleUrl, scope };
}
