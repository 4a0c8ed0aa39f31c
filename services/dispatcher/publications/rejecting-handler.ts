import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import type { Incoming } from "@saasaparilla/shared/kafka/client.ts";
import { Kind, readPack } from "@saasaparilla/shared/protocol/pack.ts";
import { NOTHING } from "@saasaparilla/shared/kafka/dead-letters.ts";
import type { RecordHandler } from "./consumer.ts";

/** Rejects every record, so that an operator can redrive it to a dispatcher that processes publications. */
export const rejectingHandler: RecordHandler = {
  assigned: () => {},
  settle: async ({ value }: Incoming): Promise<void> => {
    readPack(value ?? NOTHING, (kind, _, index) => {
      if (kind !== Kind.PUBLICATION)
        throw new Failure("reject", `Item ${index} is of kind ${kind}, not a publication.`);
    });
    throw new Failure("reject", "This dispatcher does not process publications yet.");
  },
};
