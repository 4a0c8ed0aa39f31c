import { Refusal } from "#services/receiver/api/refusal.ts";
import { deepEqual, equal, ok } from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EventReader } from "#client/events.ts";
import { notificationJson } from "#services/distributor/sessions/notification-json.ts";
import { eventOf } from "#services/distributor/transports/sse.ts";
import { parseFrame } from "#services/distributor/transports/websocket.ts";
import { parse } from "#services/receiver/publish/parse.ts";
import { Policies } from "@saasaparilla/shared/auth/policies/policies.ts";
import { classify, Failure } from "@saasaparilla/shared/runtime/errors.ts";
import { clientFrame, type ClientFrame } from "@saasaparilla/shared/protocol/client-frames.ts";
import { Authenticator } from "@saasaparilla/shared/auth/authenticator.ts";
import { bearer, Refused } from "@saasaparilla/shared/auth/identity.ts";
import { cursorTag, fromCursor, SEQUENCE_FORM, START, toCursor } from "@saasaparilla/shared/protocol/notification.ts";
import {
  checkNotification,
  Kind,
  notificationBody,
  readAck,
  readDeferred,
  readDeliver,
  readPack,
  readMessage,
} from "@saasaparilla/shared/protocol/pack.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";

/** The fuzz targets: our code that reads foreign input, and the properties that hold for any input. */
export interface Target {
  /** Files whose blocks count as reached. */
  of: RegExp;
  /** The tokens of the format. */
  words: string[];
  seeds: Buffer[];
  run(input: Buffer): void | Promise<void>;
}

const KEY = "acme/u1";
const TAG = cursorTag(KEY);
const CURSOR = toCursor(`${START.slice(0, -1)}7`, TAG);

const frames: Target = {
  of: /distributor\/websocket\.ts|shared\/frames\.ts/,
  words: ['{"type":"ack","cursor":"', '"}', '"type"', '"refresh"', '"token"', "\\u0061", CURSOR, "__proto__", "\0"],
  seeds: [
    `{"type":"ack","cursor":"${CURSOR}"}`,
    '{"type":"refresh","token":"a.b.c"}',
    '{"type":"ping"}',
    '{"cursor":"","type":"ack"}',
  ].map((text) => Buffer.from(text)),
  run(input) {
    const frame = parseFrame(input);
    if (frame) deepEqual(clientFrame.parse(frame), frame);
    // A frame that is read by its form alone means the same as its JSON. An invalid acknowledgement ends the connection
    // like an invalid frame.
    deepEqual(meaning(frame), meaning(clientFrame.safeParse(json(input)).data));
  },
};

function meaning(frame: ClientFrame | undefined): unknown {
  return frame?.type === "ack" ? fromCursor(frame.cursor, TAG) : frame;
}

const cursors: Target = {
  of: /shared\/notification\.ts/,
  words: [CURSOR, TAG, START, "f", "\n"],
  seeds: [Buffer.from(CURSOR), Buffer.from(START)],
  run(input) {
    const text = input.toString("latin1");
    const sequence = fromCursor(text, TAG);
    if (sequence === undefined) return;
    ok(SEQUENCE_FORM.test(sequence));
    equal(toCursor(sequence, TAG), text);
  },
};

const publications: Target = {
  of: /receiver\/publish\/(parse|json-scanner|notification-|cloud-event|item)/,
  words: [
    '{"to":{"client":"u1"},"data":',
    "}",
    "[",
    "]",
    ",",
    "\n",
    '"id":"',
    '"ttl":1',
    '"event":"a"',
    '{"clients":["a","b"]}',
    '{"exchange":"e","key":"k"}',
    '"headers":{"a":1}',
    '"at":"2026-12-24T09:00:00+01:00"',
    '"collapse":"k","retract":true',
    '"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"u1"',
    '"togroup":"g"',
    '"d\\u0061ta":',
    "null",
    '"\\',
    "1e400",
    "\xff",
  ],
  seeds: [
    '{"to":{"client":"u1"},"data":{"a":[1,"x"]}}',
    '[{"to":{"client":"u1"},"data":1,"ttl":5,"event":"e"},{"to":{"client":"u2"},"data":null}]',
    '{"to":{"client":"u1"},"data":1}\n\n{"data":2}',
    '{"to":{"group":"g"},"data":1,"headers":{"a":null},"delay":5,"outcomes":"q"}',
    '{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"u1","data":{"a":1},"ttl":"5"}',
  ].map((text) => Buffer.from(text)),
  run(input) {
    const forms = ["", "cloudevents+", "cloudevents-batch+"].map((form) => `application/${form}json`);
    for (const type of [...forms, "application/x-ndjson"]) {
      let items;
      try {
        items = parse(type, input, { MAX_DATA_BYTES: 1_000, MAX_BATCH_ITEMS: 20 });
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        continue;
      }
      for (const { outcome, published, payload } of items) {
        equal(outcome === "open", published !== undefined);
        if (!published) continue;
        if (type.includes("cloudevents")) ok(json(payload) !== undefined);
        else deepEqual(json(payload), published.retract ? null : published.data);
        ok(!payload.includes("\n") && !payload.includes("\r"));
      }
    }
  },
};

function somePack(): Buffer {
  const writer = new PackWriter();
  const id = "3f0e7a52-6c1d-4f4b-9a57-0f5f6d1c2b3a";
  writer.notification({ key: KEY, id, ttl: 5, event: "e", payload: Buffer.from('{"a":1}') });
  writer.ack(1, START, KEY);
  writer.signal({ type: "close", key: KEY });
  return writer.take();
}

const READERS: Record<number, (body: Buffer, index: number) => unknown> = {
  [Kind.NOTIFICATION]: (body, index) => {
    checkNotification(body, index);
    const text = notificationJson({ sequence: START, appended: 0, body }, TAG).toString("utf8");
    const payload = notificationBody.payload(body);
    // The text before the data is ours, for any data.
    const frame = json(Buffer.from(text.replace(/,"data":.*$/s, "}"))) as { cursor: string };
    equal(frame.cursor, toCursor(START, TAG));
    if (json(payload) !== undefined) ok(json(Buffer.from(text)) !== undefined);
  },
  [Kind.DELIVER]: readDeliver,
  [Kind.ACK]: readAck,
  [Kind.DEFERRED]: readDeferred,
  [Kind.SIGNAL]: readMessage,
};

const packs: Target = {
  of: /shared\/pack\.ts|distributor\/encode\.ts/,
  words: [
    "\x01\x00\x01",
    "\x00\x00\x00\x1f\x01",
    "acme/u1",
    "\xff\xff",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  ],
  seeds: [somePack()],
  run(input) {
    try {
      readPack(input, (kind, body, index) => READERS[kind]?.(body, index));
    } catch (error) {
      // An unreadable record becomes a dead letter, and stops nothing.
      if (classify(error) !== "reject") throw error;
    }
  },
};

const sse: Target = {
  of: /distributor\/sse\.ts|client\/events\.ts/,
  words: ["\r", "\n", "\r\n", "\0", "id: 7", "data: ", "event: live", ":", "\xe2\x80\xa8", "retry: 1"],
  seeds: [Buffer.from('{"type":"live"}'), Buffer.from("a\r\nid: 1\n\ndata: b")],
  run(input) {
    const data = `"${input.toString("utf8")}"`;
    const stream = eventOf("notification", data, CURSOR) + eventOf("live", "{}");
    const events = new EventReader().read(Buffer.from(stream));
    deepEqual(events, [
      { type: "notification", data: data.replaceAll(/\r\n|\r/g, "\n"), id: CURSOR },
      { type: "live", data: "{}", id: CURSOR },
    ]);
    // Any bytes are read, in any pieces.
    const [whole, pieces] = [new EventReader().read(input), new EventReader()];
    deepEqual(
      [...input].flatMap((byte) => pieces.read(Uint8Array.of(byte))),
      whole,
    );
  },
};

async function tokens(): Promise<Target> {
  const folder = mkdtempSync(join(tmpdir(), "fuzz-"));
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const jwks = join(folder, "jwks.json");
  writeFileSync(jwks, JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k", alg: "ES256" }] }));
  const policies = new Policies();
  const value = { hash: "0".repeat(64), name: "k", scopes: ["publish"], clients: ["*"], created: 0, expires: null };
  policies.apply(
    [
      { kind: "tenant", tenant: "acme", id: "", value: { trust: "scopes" } },
      { kind: "key", tenant: "acme", id: "0".repeat(16), value },
    ],
    true,
  );
  const settings = { AUTH_JWKS: jwks, AUTH_ISSUER: "i", AUTH_AUDIENCE: "a" };
  const authenticator = await Authenticator.from(settings, policies);
  rmSync(folder, { recursive: true });
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = part({ iss: "i", aud: "a", sub: "u1", tenant: "acme", scope: "publish", exp: 9_999_999_999, iat: 1 });
  const signature = Buffer.alloc(64, 7).toString("base64url");
  const heads = [
    { alg: "ES256", kid: "k" },
    { alg: "none" },
    { alg: "HS256", kid: "k" },
    { alg: "ES256", kid: "x", jku: "https://x" },
  ];
  return {
    of: /shared\/(identit|issuer|api-keys|decide|signers)/,
    words: [...heads.map(part), claims, signature, ".", "sk_", "ssp_", "0".repeat(16), "=", "eyJ"],
    seeds: [
      ...heads.map((head) => `${part(head)}.${claims}.${signature}`),
      `sk_${"0".repeat(16)}_${"a".repeat(43)}`,
      `ssp_live_${"0".repeat(16)}_${"a".repeat(43)}`,
    ].map((text) => Buffer.from(text)),
    async run(input) {
      const token = bearer(`Bearer ${input.toString("latin1")}`);
      for (const scope of ["publish", "subscribe"] as const) {
        try {
          await authenticator.authorize(token, scope);
        } catch (error) {
          // A key that is not known yet: neither refused nor accepted.
          if (error instanceof Refused || (error instanceof Failure && error.kind === "retry")) continue;
          throw error;
        }
        throw new Error("a token without a valid signature was accepted");
      }
    },
  };
}

function json(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString("utf8"));
  } catch {
    return undefined;
  }
}

export const TARGETS: Record<string, () => Target | Promise<Target>> = {
  frames: () => frames,
  tokens,
  cursors: () => cursors,
  packs: () => packs,
  publications: () => publications,
  sse: () => sse,
};
