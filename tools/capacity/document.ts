/**
 * The blocks of docs/guides/sizing.md that `just capacity` writes: its output for the flags in the comment before each.
 * So the document is never older than the constants.
 */
const BLOCK = /(<!-- just capacity (.*) -->\n\n```text\n)[^]*?(^```$)/gm;

export function written(document: string, printed: (args: string[]) => string): string {
  return document.replace(
    BLOCK,
    (_, head: string, args: string, end: string) => `${head}${printed(args.split(" "))}\n${end}`,
  );
}
