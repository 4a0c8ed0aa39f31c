import { commonSettings, identitySettings } from "@saasaparilla/shared/settings.ts";
import { z } from "zod";

export const consoleSettings = commonSettings.omit({ REDIS_URL: true, REDIS_CLUSTER: true }).extend({
  ...identitySettings.shape,
  /** The port that it listens on. */
  PORT: z.coerce.number().int().min(0).max(65535).default(8083),
});
