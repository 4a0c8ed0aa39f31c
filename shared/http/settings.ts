import { z } from "zod";
import { isTooWide } from "./networks.ts";
import { isOrigin } from "./origin.ts";

/** Addresses and networks, with commas between them. */
export const networks = z
  .string()
  .default("")
  .transform((list) => list.split(",").flatMap((one) => (one.trim() === "" ? [] : [one.trim()])))
  .pipe(z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()])));

/** Settings of the public side of every service. */
export const serverSettings = z.object({
  TLS_CERT: z.string().min(1).optional().meta({
    description: "A file with the certificate of this service. With it and TLS_KEY the port speaks only TLS.",
  }),
  TLS_KEY: z.string().min(1).optional().meta({ description: "The file of its private key." }),
  BODY_MS: z.coerce.number().int().min(100).default(30_000).meta({
    description:
      "A request body must be complete after so many ms, however slowly it comes. Otherwise the request is given up.",
  }),
  SOCKET_RATE: z.coerce
    .number()
    .min(1)
    .default(1_000)
    .meta({ description: "Sockets a second that one address may open. Your own proxies may open any number." }),
  SOCKET_BURST: z.coerce
    .number()
    .int()
    .min(1)
    .default(10_000)
    .meta({ description: "Sockets that one address may open at once, after a rest." }),
  REFUSED_RATE: z.coerce.number().min(0.001).default(20).meta({
    description:
      "Refused requests a second of one address. Above it, only known tokens and API keys pass, and new tokens as far as ADDRESS_CHECKS allows their check.",
  }),
  REFUSED_BURST: z.coerce
    .number()
    .int()
    .min(1)
    .default(1_000)
    .meta({ description: "Refused requests at once, after a rest." }),
  ADDRESS_CHECKS: z.coerce.number().min(0.001).default(100).meta({
    description:
      "Failed signature checks a second for one address above REFUSED_RATE. So a new good token still gets in from there. All such addresses together may cause ten times as many.",
  }),
  ALLOWED_ORIGINS: z
    .string()
    .default("")
    .transform((list) => list.split(",").flatMap((one) => (one.trim() === "" ? [] : [one.trim()])))
    .pipe(z.array(z.string().refine(isOrigin, "an origin, as https://app.example.com")))
    .meta({
      description:
        "Origins whose pages may call for every tenant, with commas between them: https://app.example.com. For a host of this machine, the port may be an asterisk. A tenant's document can name further ones.",
    }),
  TRUSTED_PROXIES: networks
    .refine(
      (all) => !all.some(isTooWide),
      "your proxies' addresses or networks, none larger than a /8 of IPv4 or a /7 of IPv6",
    )
    .meta({
      description:
        "Addresses and networks of your proxies, with commas between them. Their X-Forwarded-For names the caller. A client that can connect from there can name any address, so list only proxies. At most a /8 of IPv4 or a /7 of IPv6.",
    }),
  PROXY_HOPS: z.coerce.number().int().min(1).max(10).default(1).meta({
    description:
      "The number of proxies that a request passes through, all in TRUSTED_PROXIES. The service reads so many entries of X-Forwarded-For, from its end.",
  }),
});

/** The same for a service on Node. The socket library has its own timeouts. */
export const nodeServerSettings = serverSettings.extend({
  KEEP_ALIVE_MS: z.coerce.number().int().min(1_000).max(3_600_000).default(75_000).meta({
    description:
      "An idle connection is closed after so many ms. Your load balancer should close it earlier: docs/guides/proxies.md.",
  }),
  HEAD_MS: z.coerce.number().int().min(1_000).max(600_000).default(10_000).meta({
    description: "A request head must be complete after so many ms, or is answered 408. It is checked once a second.",
  }),
});
