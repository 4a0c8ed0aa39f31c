import { expect, test } from "vitest";
import { EventReader, type StreamEvent } from "./events.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Parses the stream with every split into chunks; the result is always the same. */
function read(stream: Uint8Array): StreamEvent[] {
  const whole = new EventReader().read(stream);
  for (const size of [1, 2, 3, 7]) {
    const reader = new EventReader();
    const parts: StreamEvent[] = [];
    for (let at = 0; at < stream.length; at += size) parts.push(...reader.read(stream.subarray(at, at + size)));
    expect(parts).toEqual(whole);
  }
  return whole;
}

const BOM = "\uFEFF";

/** The cases of web-platform-tests for an event stream, by their names; streams and answers are our own. */
test.for<[string, string, [data: string, type?: string, id?: string][]]>([
  ["format-bom: one at the start is nothing", `${BOM}data: 1\n\n`, [["1"]]],
  ["format-bom-2: a second one is a part of the field's name", `${BOM}${BOM}data: 1\n\ndata: 2\n\n`, [["2"]]],
  ["format-comments", "data: 1\n:\n:data: 2\n: \0 x\ndata: 3\n\n", [["1\n3"]]],
  ["format-data-before-final-empty-line: an incomplete event does not count", "data: 1\n\ndata: 2\n", [["1"]]],
  ["format-field-data", "data:\n\ndata\ndata\n\ndata:test\n\n", [[""], ["\n"], ["test"]]],
  ["format-field-event", "event: test\ndata: x\n\ndata: y\n\n", [["x", "test"], ["y"]]],
  ["format-field-event-empty", "event: \ndata: data\n\n", [["data"]]],
  [
    "format-field-id: it stays until another one comes",
    "id: a\ndata: 1\n\ndata: 2\n\nid\ndata: 3\n\n",
    [["1", "message", "a"], ["2", "message", "a"], ["3"]],
  ],
  ["format-field-id-null: one with a NUL is ignored", "id: a\nid: b\0c\ndata: 1\n\n", [["1", "message", "a"]]],
  [
    "format-field-parsing: one space, exact names",
    "data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n data:32\ndata:4\n\n",
    [["\0\n 2\n1\n3\n\n4"]],
  ],
  ["format-field-retry, -bogus, -empty: not part of the data", "retry: 5\nretry:x\nretry\ndata: x\n\n", [["x"]]],
  [
    "format-field-unknown",
    "data:test\n data\ndata\nfoobar:xxx\njustsometext\n:thisisacommentyay\ndata:test\n\n",
    [["test\n\ntest"]],
  ],
  [
    "format-leading-space: one space is removed, but no tab",
    "data:\ttest\rdata: \ndata:test\n\n",
    [["\ttest\n\ntest"]],
  ],
  [
    "format-newlines: of each kind, and mixed",
    "data:1\r\ndata:2\ndata:3\rdata:4\r\r\ndata:5\r\rdata:6\n\r\n",
    [["1\n2\n3\n4"], ["5"], ["6"]],
  ],
  ["format-null-character", "data:\0\n\n\n\n", [["\0"]]],
  ["format-utf-8", "data:okäöü😀\n\n", [["okäöü😀"]]],
  ["nothing is dispatched without data", "event: a\nid: 1\n\ndata: x\n\n", [["x", "message", "1"]]],
])("%s", ([, stream, expected]) => {
  const events = expected.map(([data, type = "message", id = ""]) => ({ data, type, id }));
  expect(read(bytes(stream))).toEqual(events);
});

test("invalid UTF-8 is replaced, and ends nothing", () => {
  expect(read(new Uint8Array([...bytes("data: "), 0xff, 0xc3, ...bytes("\n\n")]))).toMatchObject([
    { data: "\uFFFD\uFFFD" },
  ]);
});

test("an endless event is abandoned", () => {
  const reader = new EventReader();
  const chunk = bytes(`data: ${"x".repeat(1 << 20)}\n`);
  expect(() => Array.from({ length: 9 }, () => reader.read(chunk))).toThrow("too long");
});
