/** One piece of running text, with the line that it begins on: a paragraph, a list item, or a cell of a table. */
export interface Block {
  kind: "prose" | "cell";
  line: number;
  text: string;
}

export interface Sentence {
  line: number;
  text: string;
  words: number;
}

const FENCE = /^\s*(```|~~~)/;
const LIST = /^\s*(?:[-*+]|\d+\.)\s+/;

/** Running text of a Markdown document, without code blocks, comments, headings and the lines under a table's head. */
export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  let open: Block | undefined;
  let fenced = false;
  let comment = false;
  for (const [index, line] of markdown.split("\n").entries()) {
    if (FENCE.test(line)) fenced = !fenced;
    if (!fenced && line.startsWith("<!--")) comment = true;
    const skipped = fenced || comment || FENCE.test(line) || /^#{1,6} /.test(line) || line.trim() === "";
    if (line.endsWith("-->")) comment = false;
    if (skipped) {
      open = undefined;
    } else if (line.trimStart().startsWith("|")) {
      open = undefined;
      blocks.push(...cellsOf(line, index + 1));
    } else if (open === undefined || LIST.test(line)) {
      open = { kind: "prose", line: index + 1, text: line.replace(LIST, "").replace(/^>\s?/, "") };
      blocks.push(open);
    } else {
      open.text += ` ${line.trim()}`;
    }
  }
  return blocks;
}

function cellsOf(row: string, line: number): Block[] {
  if (/^\s*\|[\s:|-]+\|?\s*$/.test(row)) return [];
  return row
    .trim()
    .replaceAll("\\|", "/")
    .split("|")
    .map((text) => text.trim())
    .filter((text) => text !== "")
    .map((text) => ({ kind: "cell", line, text }));
}

/** A code span counts as one word, and a link's address as none, because a reader sees each at one glance. */
function plain(text: string): string {
  return text
    .replaceAll(/!\[[^\]]*\]\([^)]*\)/g, "")
    .replaceAll(/`+[^`]+`+/g, "Code")
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll(/[*_]{2}/g, "")
    .replaceAll(/<[^>]+>/g, "");
}

export const wordsOf = (text: string): string[] => plain(text).match(/\S*[\p{L}\d]\S*/gu) ?? [];

export function sentencesOf({ line, text }: Block): Sentence[] {
  return plain(text)
    .split(/(?<=[.!?]["')]?)\s+(?=["'(]?[\p{Lu}\d])/u)
    .map((sentence) => ({ line, text: sentence, words: wordsOf(sentence).length }))
    .filter(({ words }) => words > 0);
}
