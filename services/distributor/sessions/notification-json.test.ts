import { readPack } from "@saasaparilla/shared/protocol/pack.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { notificationJson } from "./notification-json.ts";

test("R15: a notification keeps its member order and its data's bytes", () => {
  const hex = (length: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`));
  fc.assert(
    fc.property(
      fc.record({
        id: fc.uuid(),
        event: fc.option(fc.stringMatching(/^[a-z][a-z._:-]{0,30}$/), { nil: "" }),
        traceparent: fc.option(fc.constant(`00-${"a".repeat(32)}-${"b".repeat(16)}-01`), { nil: "" }),
        // Beyond the year 9999 the text is longer.
        appended: fc.oneof(fc.constantFrom(1, 2), fc.nat({ max: 2 ** 48 - 1 })),
        sequence: hex(19),
        tag: hex(6),
        data: fc.json(),
      }),
      ({ id, event, traceparent, appended, sequence, tag, data }) => {
        const writer = new PackWriter();
        writer.notification({ key: "acme/u1", id, event, traceparent, payload: Buffer.from(data) });
        readPack(writer.take(), (_, body) => {
          const members = [
            '"type":"notification"',
            `"id":"${id}"`,
            `"cursor":"${sequence}${tag}"`,
            `"publishedAt":"${new Date(appended).toISOString()}"`,
            ...(event === "" ? [] : [`"event":"${event}"`]),
            ...(traceparent === "" ? [] : [`"traceparent":"${traceparent}"`]),
            `"data":${data}`,
          ];
          expect(notificationJson({ sequence, appended, body }, tag).toString()).toBe(`{${members.join(",")}}`);
        });
      },
    ),
  );
});
