import type { Random } from "./random.ts";

const MOST_BYTES = 4_096;
const EDGES = [0, 1, 0x0a, 0x0d, 0x20, 0x22, 0x5c, 0x7f, 0x80, 0xc3, 0xff];

/** Another input, close to these. `words`: the tokens of the format. */
export function mutate(corpus: readonly Buffer[], words: readonly string[], random: Random): Buffer {
  let bytes: Buffer = Buffer.from(random.of(corpus));
  for (let times = 1 + random.below(4); times > 0; times -= 1)
    bytes = MUTATIONS[random.below(MUTATIONS.length)]!(bytes, corpus, words, random);
  return bytes.subarray(0, MOST_BYTES);
}

type Mutation = (bytes: Buffer, corpus: readonly Buffer[], words: readonly string[], random: Random) => Buffer;

const replaced = (bytes: Buffer, from: number, to: number, by: Buffer): Buffer =>
  Buffer.concat([bytes.subarray(0, from), by, bytes.subarray(to)]);

const MUTATIONS: Mutation[] = [
  (bytes, _, __, random) => {
    if (bytes.length > 0) bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
    return bytes;
  },
  (bytes, _, __, random) => {
    if (bytes.length > 0) bytes[random.below(bytes.length)] = random.of(EDGES);
    return bytes;
  },
  (bytes, _, __, random) => {
    const from = random.below(bytes.length + 1);
    return replaced(bytes, from, from + random.below(8), Buffer.alloc(0));
  },
  (bytes, _, words, random) => {
    const from = random.below(bytes.length + 1);
    return words.length === 0 ? bytes : replaced(bytes, from, from, Buffer.from(random.of(words), "latin1"));
  },
  (bytes, _, __, random) => {
    const from = random.below(bytes.length + 1);
    const part = bytes.subarray(from, from + 1 + random.below(32));
    return replaced(bytes, from, from, Buffer.concat(Array.from({ length: 1 + random.below(16) }, () => part)));
  },
  (bytes, corpus, _, random) => {
    const other = random.of(corpus);
    return Buffer.concat([
      bytes.subarray(0, random.below(bytes.length + 1)),
      other.subarray(random.below(other.length + 1)),
    ]);
  },
];
