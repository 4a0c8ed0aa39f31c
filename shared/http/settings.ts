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
    description: "A request body must be complete within this time, in ms. Otherwise the request is refused with 408.",
  }),
  SOCKET_RATE: z.coerce
    .number()
    .min(1)
    .default(1_000)
    .meta({ description: "New sockets per second from one address. Your own proxies have no limit." }),
  SOCKET_BURST: z.coerce
    .number()
    .int()
    .min(1)
    .default(10_000)
    .meta({ description: "New sockets from one address in a burst." }),
  REFUSED_RATE: z.coerce.number().min(0.001).default(20).meta({
    description:
      "Refused requests per second from one address. Above it, only known tokens and API keys pass, and new tokens within ADDRESS_CHECKS.",
  }),
  REFUSED_BURST: z.coerce
    .number()
    .int()
    .min(1)
    .default(1_000)
    .meta({ description: "Refused requests from one address in a burst." }),
  ADDRESS_CHECKS: z.coerce.number().min(0.001).default(100).meta({
    description:
      "Failed signature checks per second for one address above REFUSED_RATE, so that a valid new token is still accepted. All such addresses together have ten times this limit.",
  }),
  ALLOWED_ORIGINS: z
    .string()
    .default("")
    .transform((list) => list.split(",").flatMap((one) => (one.trim() === "" ? [] : [one.trim()])))
    .pipe(z.array(z.string().refine(isOrigin, "an origin, for example https://app.example.com")))
    .meta({
      description:
        "Origins whose pages may connect for every tenant, separated by commas: https://app.example.com. For localhost, the port can be *. A tenant's document can add others.",
    }),
  TRUSTED_PROXIES: networks
    .refine(
      (all) => !all.some(isTooWide),
      "your proxies' addresses or networks, none larger than a /8 of IPv4 or a /7 of IPv6",
    )
    .meta({
      description:
        "Addresses and networks of your proxies, separated by commas. Their X-Forwarded-For names the caller. A client that can connect from there can name any address, so list only proxies. At most a /8 of IPv4 or a /7 of IPv6.",
    }),
  PROXY_HOPS: z.coerce.number().int().min(1).max(10).default(1).meta({
    description:
      "The number of proxies that a request passes through, all in TRUSTED_PROXIES. The service reads this number of entries from the end of X-Forwarded-For.",
  }),
});

/** The same for a service on Node. The socket library has its own timeouts. */
export const nodeServerSettings = serverSettings.extend({
  KEEP_ALIVE_MS: z.coerce.number().int().min(1_000).max(3_600_000).default(75_000).meta({
    description:
      "An idle connection is closed after this time, in ms. Your load balancer should close it earlier: docs/guides/proxies.md.",
  }),
  HEAD_MS: z.coerce.number().int().min(1_000).max(600_000).default(10_000).meta({
    description:
      "A request head must be complete within this time, in ms. Otherwise it is answered 408. It is checked once a second.",
  }),
});
