import { z } from "zod";
import { EVENT_FORM } from "#protocol/notification.ts";

const EVENT = EVENT_FORM.source.slice(1, -1);
const PATTERN = new RegExp(`^(?:\\*|${EVENT}|${EVENT}\\.\\*)$`);
export const MOST_ITEMS = 500;
export const MOST_DAYS = 30;

const eventPattern = z
  .string()
  .max(100)
  .regex(PATTERN, "an event as order.paid, the beginning of some with .* after it as order.*, or * alone");

/** The inbox in a tenant's row. What it leaves out is as in the settings. */
export const inboxSetting = z.strictObject({
  /** `*` also takes notifications without an event. An empty list turns the inbox off. */
  events: z.array(eventPattern).max(50),
  items: z.exactOptional(z.int().min(1).max(MOST_ITEMS)),
  days: z.exactOptional(z.int().min(1).max(MOST_DAYS)),
});
