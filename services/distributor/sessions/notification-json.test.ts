import { writeOptions, type NotificationOptions } from "@saasaparilla/shared/protocol/options.ts";
import { readPack } from "@saasaparilla/shared/protocol/pack.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { notificationJson, retractJson } from "./notification-json.ts";

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

test("R15, R61: options are members of a notification, and a retract has a frame of its own", () => {
  const bodyWith = (options: NotificationOptions): Buffer => {
    const writer = new PackWriter();
    const id = "0f8fad5b-d9cb-469f-a165-70867728950e";
    writer.notification({ key: "acme/u1", id, options: writeOptions(options), payload: Buffer.from("[]") });
    let body = Buffer.alloc(0);
    readPack(writer.take(), (_, item) => (body = Buffer.from(item)));
    return body;
  };
  const row = { sequence: "0".repeat(19), appended: 1 };
  const headers = '{"größe":"\\u00e9 €","n":12345678901234567890}';
  const body = bodyWith({ headers, collapse: "an:order", outcomes: "log" });
  expect(notificationJson({ ...row, body }, "abcdef").toString()).toBe(
    `{"type":"notification","id":"0f8fad5b-d9cb-469f-a165-70867728950e","cursor":"${row.sequence}abcdef","publishedAt":"1970-01-01T00:00:00.001Z","collapse":"an:order","headers":${headers},"data":[]}`,
  );
  const retract = retractJson({ ...row, body: bodyWith({ collapse: "k", retract: true }) }, "abcdef");
  expect(JSON.parse(retract.toString())).toEqual({
    type: "retract",
    id: "0f8fad5b-d9cb-469f-a165-70867728950e",
    cursor: `${row.sequence}abcdef`,
    collapse: "k",
  });
});
