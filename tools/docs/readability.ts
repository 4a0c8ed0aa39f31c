import { blocksOf, type Sentence, sentencesOf, wordsOf } from "./markdown.ts";

/** Words above which a sentence is long. */
const LONG = 30;

/**
 * Sentences are those of paragraphs and list items. Cells of tables are fragments that would lower the median, so they
 * have a separate share of long sentences. Words of both count for how often "you" occurs. Numbers alone are not words.
 */
export interface Readability {
  median: number;
  longShare: number;
  longCells: number;
  you: number;
  words: number;
  longSentences: Sentence[];
}

export function readability(documents: string[]): Readability {
  const blocks = documents.flatMap(blocksOf);
  const prose = blocks.filter(({ kind }) => kind === "prose").flatMap(sentencesOf);
  const cells = blocks.filter(({ kind }) => kind === "cell").flatMap(sentencesOf);
  const words = blocks.flatMap(({ text }) => wordsOf(text)).filter((word) => /\p{L}/u.test(word));
  const you = words.filter((word) => /^\W*your?(?:s|self)?\W*$/i.test(word)).length;
  const lengths = prose.map((sentence) => sentence.words).toSorted((a, b) => a - b);
  return {
    median: lengths[lengths.length >> 1] ?? 0,
    longShare: share(prose),
    longCells: share(cells),
    you: words.length === 0 ? 0 : (1000 * you) / words.length,
    words: words.length,
    longSentences: [...prose, ...cells].filter((sentence) => sentence.words > LONG),
  };
}

function share(sentences: Sentence[]): number {
  return sentences.length === 0 ? 0 : (100 * sentences.filter(({ words }) => words > LONG).length) / sentences.length;
}
