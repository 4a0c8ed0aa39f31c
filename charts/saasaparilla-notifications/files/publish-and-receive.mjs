// What `helm test` runs: one notification, published once and received over each transport, with nothing but Node.
import { createPrivateKey, randomUUID, sign } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";

const { RECEIVER_URL, DISTRIBUTOR_URL, TENANT, AUTH_ISSUER, AUTH_AUDIENCE } = process.env;
const CLIENT = "helm-test";
const PATIENCE_MS = 60_000;

const encoded = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** With the key that the chart has made; else as they are in the Secret of tests.existingSecret. */
function token(name, scope, subject) {
  if (!existsSync("/keys/private.json")) return readFileSync(`/keys/${name}`, "utf8").trim();
  const key = JSON.parse(readFileSync("/keys/private.json", "utf8"));
  const now = Math.floor(Date.now() / 1_000);
  const claims = {
    iss: AUTH_ISSUER,
    aud: AUTH_AUDIENCE,
    sub: subject,
    tenant: TENANT,
    scope,
    iat: now,
    exp: now + 600,
  };
  const said = `${encoded({ alg: "ES256", typ: "JWT", kid: key.kid })}.${encoded(claims)}`;
  const signer = { key: createPrivateKey({ key, format: "jwk" }), dsaEncoding: "ieee-p1363" };
  return `${said}.${sign("sha256", Buffer.from(said), signer).toString("base64url")}`;
}

const publisher = { authorization: `Bearer ${token("publisher", "publish", "helm-test")}` };
const clientToken = token("client", "subscribe", CLIENT);
const client = { authorization: `Bearer ${clientToken}` };
const signal = AbortSignal.timeout(PATIENCE_MS);

async function good(response) {
  if (!response.ok) throw new Error(`${response.url} answered ${response.status}: ${await response.text()}`);
  return response;
}

async function publish(text) {
  const body = JSON.stringify({ to: { client: CLIENT }, data: { text }, ttl: 600 });
  const headers = { ...publisher, "content-type": "application/json" };
  await good(await fetch(`${RECEIVER_URL}/v1/notifications`, { method: "POST", headers, body, signal }));
}

const items = (frame) => (frame.type === "notification" ? [frame] : (frame.items ?? frame.notifications ?? []));
const has = (frame, text) => items(frame).some(({ data }) => data.text === text);

/** Each begins to listen, publishes once that is so, and ends when it has been heard. */
const over = {
  websocket: (text) =>
    new Promise((resolve, reject) => {
      const url = DISTRIBUTOR_URL.replace(/^http/, "ws");
      const socket = new WebSocket(`${url}/v1/ws`, ["notifications.v1.json", `bearer.${clientToken}`]);
      signal.addEventListener("abort", () => reject(new Error("it did not come over the WebSocket")));
      socket.addEventListener("error", () => reject(new Error("the WebSocket was refused")));
      socket.addEventListener("open", () => void publish(text).catch(reject));
      socket.addEventListener("message", ({ data }) => {
        const frame = JSON.parse(data);
        if (!has(frame, text)) return;
        socket.close();
        resolve();
      });
    }),
  async sse(text) {
    const stream = await good(await fetch(`${DISTRIBUTOR_URL}/v1/sse`, { headers: client, signal }));
    const published = publish(text);
    let heard = "";
    for await (const part of stream.body.pipeThrough(new TextDecoderStream())) {
      heard += part;
      if (heard.includes(text)) break;
    }
    await published;
    if (!heard.includes(text)) throw new Error("the stream ended before it");
  },
  async poll(text) {
    await publish(text);
    let cursor = "";
    for (;;) {
      const answer = await good(await fetch(`${DISTRIBUTOR_URL}/v1/poll?wait=5${cursor}`, { headers: client, signal }));
      const frame = await answer.json();
      if (has(frame, text)) return;
      cursor = `&cursor=${encodeURIComponent(frame.cursor)}`;
    }
  },
};

for (const [transport, through] of Object.entries(over)) {
  const began = performance.now();
  await through(randomUUID());
  process.stdout.write(`${transport}: published and received in ${Math.round(performance.now() - began)} ms\n`);
}
// Two of them are still open.
process.exit(0);
