import { Asking } from "./measured-tenant.ts";
import { MEANS } from "./neighbour-loads.ts";
import type { Target } from "./target.ts";

/** A process of its own, forked by neighbour.ts: what it costs is not the load tool's. */
process.once("message", ({ means, target }: { means: string; target: Target }) => {
  const asking = new Asking(target);
  process.once("message", () => asking.end());
  void MEANS[means]!(target, asking).then(() => process.send!(asking.answers, () => process.disconnect()));
});
process.once("disconnect", () => process.exit());
