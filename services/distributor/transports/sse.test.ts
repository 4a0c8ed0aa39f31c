import fc from "fast-check";
import { expect, test } from "vitest";
import { eventOf } from "./sse.ts";

interface Event {
  type: string;
  data: string;
  id: string;
}

/** A parser that follows WHATWG HTML, 9.2.6, strictly. */
function interpret(stream: string): Event[] {
  const events: Event[] = [];
  let [type, data, id] = ["", "", ""];
  for (const line of stream.split(/\r\n|\r|\n/)) {
    if (line === "") {
      if (data !== "") events.push({ type: type || "message", data: data.replace(/\n$/, ""), id });
      [type, data] = ["", ""];
    } else {
      const colon = line.indexOf(":");
      if (colon === 0) continue;
      const field = colon === -1 ? line : line.slice(0, colon);
      const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "event") type = value;
      else if (field === "data") data += `${value}\n`;
      else if (field === "id" && !value.includes("\0")) id = value;
    }
  }
  return events;
}

const line = fc.constantFrom(
  "\r",
  "\n",
  "\r\n",
  "\0",
  "id: 7",
  "data: x",
  "event: live",
  ":",
  " ",
  "\u2028",
  "{}",
  "retry: 1",
);
const data = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.array(line, { maxLength: 20 }).map((parts) => parts.join("")),
);

test("R6: any data makes exactly one event, with its own type and id", () => {
  fc.assert(
    fc.property(fc.array(data, { maxLength: 5 }), (all) => {
      const stream = all.map((text, n) => eventOf("notification", `"${text}"`, `c${n}`)).join("");
      const expected = all.map((text, n) => ({
        type: "notification",
        data: `"${text}"`.replaceAll(/\r\n|\r/g, "\n"),
        id: `c${n}`,
      }));
      expect(interpret(stream)).toEqual(expected);
    }),
    { numRuns: 2_000 },
  );
});

test("data on one line is written unchanged", () => {
  expect(eventOf("live", '{"type":"live"}')).toBe('event: live\ndata: {"type":"live"}\n\n');
});
