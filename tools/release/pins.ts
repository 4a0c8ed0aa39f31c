import { readFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "#local/process/user-error.ts";

/** Image to digest. */
export type Digests = ReadonlyMap<string, string>;

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** The public images in a release, by the variable that replaces each: those of compose, and the base of our own. */
export function foreignImages(tree: string): Map<string, string> {
  const text = ["compose/compose.yaml", "Dockerfile"].map((file) => readFileSync(join(tree, file), "utf8")).join("\n");
  const named = [...text.matchAll(/\b([A-Z]+_IMAGE)(?::-|=)([^\s}]+)/g)].map(
    ([, name, image]) => [name!, image!] as const,
  );
  return new Map(named.filter(([name]) => name !== OWN));
}

const OWN = "NOTIFICATIONS_IMAGE";

/** A tag can move to another image, a digest cannot. `inspect` asks the registry for the digest of a tag. */
export function digestsOf(images: Iterable<string>, inspect: (image: string) => string): Digests {
  return new Map(
    Array.from(images, (image) => {
      const digest = inspect(image).trim();
      if (!DIGEST.test(digest))
        throw new UserError(
          `The registry returned ${JSON.stringify(digest)} instead of a digest of ${image}.`,
          "Log in there: docker login",
        );
      return [image, digest];
    }),
  );
}

export const pinned = (image: string, digests: Digests): string => `${image}@${digests.get(image)}`;

/** values.yaml with each image by its digest. `own`: the repository and digest of the image of all services. */
export function pinValues(values: string, digests: Digests, own: { repository: string; digest: string }): string {
  const replaced = values
    .replace(/(\n {2}repository: )saasaparilla\/notifications\n/, `$1${own.repository}\n`)
    .replace(/(\nimage:\n(?: {2}.*\n)*? {2}digest: )""/, `$1${own.digest}`)
    .replaceAll(/(\n {4}image: (\S+)\n(?: {4}#.*\n)* {4}digest: )""/g, (_, before: string, image: string) => {
      const digest = digests.get(image);
      if (digest === undefined)
        throw new UserError(`values.yaml names ${image}, and compose.yaml does not.`, "Name one image in both.");
      return `${before}${digest}`;
    });
  if (/\n *digest: ""/.test(replaced) || !replaced.includes(`repository: ${own.repository}\n`))
    throw new UserError(
      "values.yaml has an image that is not pinned.",
      "Write its digest in the line after its image.",
    );
  return replaced;
}

/** The same for compose: an `.env` for the folder of compose.yaml. */
export function pinnedEnvironment(images: ReadonlyMap<string, string>, digests: Digests, own: string): string {
  const lines = [...images]
    .filter(([name]) => name !== "NODE_IMAGE")
    .map(([name, image]) => `${name}=${pinned(image, digests)}`);
  return `${[`${OWN}=${own}`, "NOTIFICATIONS_PULL=missing", ...lines].join("\n")}\n`;
}
