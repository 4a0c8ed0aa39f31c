import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { repository } from "#local/process/paths.ts";
import { images } from "#tools/image/third-party-images.ts";
import { digestsOf, foreignImages, pinnedEnvironment, pinValues } from "./pins.ts";

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
const named = foreignImages(repository);
const digests = digestsOf(named.values(), (image) => digest(image.includes("kafka") ? "a" : "b"));
const own = { repository: "registry.example/notifications", digest: digest("c") };

test("every third-party image is found", () => {
  expect([...named.values()]).toEqual(expect.arrayContaining(Object.values(images)));
});

test("the chart of a release names each image by its digest", () => {
  const values = readFileSync(join(repository, "charts/saasaparilla-notifications/values.yaml"), "utf8");
  const before = parse(values);
  const after = parse(pinValues(values, digests, own));
  expect(after.image).toEqual({ ...before.image, ...own });
  expect([after.kafka.bundled, after.postgres.bundled, after.redis.bundled]).toEqual([
    { ...before.kafka.bundled, digest: digest("a") },
    { ...before.postgres.bundled, digest: digest("b") },
    { ...before.redis.bundled, digest: digest("b") },
  ]);
});

test("an image that is not pinned ends the release", () => {
  const more = 'redis:\n  bundled:\n    image: other/redis:1\n    digest: ""\n';
  expect(() => pinValues(more, digests, own)).toThrow("other/redis:1");
  expect(() => pinValues('x:\n  digest: ""\n', digests, own)).toThrow("not pinned");
  expect(() => digestsOf(["haproxy:1"], () => "<none>")).toThrow("instead of a digest of haproxy:1");
});

test("the environment for compose names each image by its digest", () => {
  const text = pinnedEnvironment(named, digests, `${own.repository}@${own.digest}`);
  expect(text).toContain(`NOTIFICATIONS_IMAGE=registry.example/notifications@${digest("c")}\n`);
  expect(text).toContain(`KAFKA_IMAGE=${images.kafka}@${digest("a")}\n`);
  for (const line of text.trim().split("\n")) expect(line).toMatch(/@sha256:[0-9a-z]{64}$|=missing$/);
  expect(text).not.toContain("NODE_IMAGE");
});
