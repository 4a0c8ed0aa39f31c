import { PLATFORM_TENANT } from "@saasaparilla/shared/auth/policies/schema.ts";
import { commonSettings, storeSettings } from "@saasaparilla/shared/settings.ts";
import { TENANT_FORM } from "@saasaparilla/shared/protocol/notification.ts";
import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import type { RoleName } from "@saasaparilla/shared/store-grants/grants.ts";
import { z } from "zod";

/** Letters that need no escape in a URL. */
const password = z
  .string()
  .regex(/^[\w-]{16,128}$/, "16 to 128 letters, digits, _ and -")
  .optional();

const count = z.coerce.number().int().min(1);

/** Creates missing parts. An existing topic keeps its partitions of accepted and control. */
export const settings = commonSettings
  .pick({ NAMESPACE: true, LOG_LEVEL: true })
  .extend(storeSettings.shape)
  .extend({
    ACCEPTED_PARTITIONS: count.max(10_000).default(4).meta({
      description:
        "Partitions of accepted, control and deferred. It is the most directors that can share the work; use about four for each. You change it later only with --repartition.",
    }),
    ROUTED_PARTITIONS: count
      .max(65_535)
      .default(16)
      .meta({ description: "Slots: the most distributors that can run at once. You can raise it at any time." }),
    DISPATCH_PARTITIONS: count.max(10_000).default(4).meta({
      description:
        "Partitions of dispatch. It is the most dispatchers that can share the work; use about four for each. You can raise it at any time.",
    }),
    STORED_PARTITIONS: count.max(1_024).default(8).meta({
      description: "Partitions of the table of stored notifications. You can change it only while nothing is stored.",
    }),
    TENANTS: z
      .string()
      .default("")
      .transform((list) => list.split(",").filter((name) => name !== ""))
      .pipe(
        z.array(
          z
            .string()
            .regex(TENANT_FORM, "names of tenants")
            .refine((name) => name !== PLATFORM_TENANT, `names of tenants; ${PLATFORM_TENANT} is reserved`),
        ),
      )
      .meta({
        description:
          "Tenants to create if they are missing, separated by commas. Scopes in their issuers' tokens are trusted.",
      }),
    RECEIVER_PASSWORD: password.meta({
      description:
        "The password of the receiver's role in Postgres and Redis. With it and the six others each service has a role with only the rights that it needs: docs/reference/grants.md.",
    }),
    DIRECTOR_PASSWORD: password.meta({ description: "The password of the director's role." }),
    DISTRIBUTOR_PASSWORD: password.meta({ description: "The password of the distributor's role." }),
    CONSOLE_PASSWORD: password.meta({ description: "The password of the console's role." }),
    COURIER_PASSWORD: password.meta({ description: "The password of the courier's role." }),
    DISPATCHER_PASSWORD: password.meta({ description: "The password of the dispatcher's role." }),
    RECORDER_PASSWORD: password.meta({ description: "The password of the recorder's role." }),
    REPLICAS: count.max(9).default(1).meta({ description: "Copies of each topic." }),
    MIN_INSYNC: count.max(9).default(1).meta({
      description:
        "Brokers that must have a record before it counts as written. In production: 3 replicas, and 2 here.",
    }),
  });

const PASSWORDS = {
  receiver: "RECEIVER_PASSWORD",
  director: "DIRECTOR_PASSWORD",
  distributor: "DISTRIBUTOR_PASSWORD",
  console: "CONSOLE_PASSWORD",
  courier: "COURIER_PASSWORD",
  dispatcher: "DISPATCHER_PASSWORD",
  recorder: "RECORDER_PASSWORD",
} as const satisfies Partial<Record<RoleName, keyof z.output<typeof settings>>>;

export type Passwords = Record<(typeof PASSWORDS)[keyof typeof PASSWORDS], string | undefined>;

/** By role. Undefined if none is set. */
export function passwordsIn(given: Partial<Passwords>): ReadonlyMap<RoleName, string> | undefined {
  const all = Object.entries(PASSWORDS) as [RoleName, keyof Passwords][];
  const set = all.filter(([, name]) => given[name] !== undefined);
  if (set.length === 0) return undefined;
  const missing = all.filter((one) => !set.includes(one)).map(([, name]) => name);
  if (missing.length > 0)
    throw new Failure(
      "fatal",
      `Wrong settings. Set the passwords of all services, or of none. These are missing: ${missing.join(", ")}.`,
    );
  return new Map(set.map(([role, name]) => [role, given[name]!]));
}
