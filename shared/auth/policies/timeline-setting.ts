import { z } from "zod";
import { subject } from "#auth/subject.ts";
import { CLIENT_FORM } from "#protocol/notification.ts";

/** The rarest sample: one of so many. */
const RAREST_SAMPLE = 1_000_000;
export const MOST_WATCHES = 50;

/** Which notifications are followed. A number N follows one of N. `exceptions` follows none: they are recorded anyway. */
export const follow = z.union([z.enum(["all", "exceptions"]), z.int().min(2).max(RAREST_SAMPLE)]);
export type Follow = z.output<typeof follow>;

/** In a tenant's row. What it leaves out is as in the settings. */
export const timelineSetting = z.strictObject({ follow });

/** Seconds since 1970. */
const until = z.int().min(0);

/** Everything of this client, or of this publisher, is followed until then. */
export const watch = z.union([
  z.strictObject({ client: z.string().regex(CLIENT_FORM), until }),
  z.strictObject({ publisher: subject, until }),
]);
export type Watch = z.output<typeof watch>;
