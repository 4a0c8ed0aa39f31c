/** The entries of a field with commas, spaces or lines between. */
export const listOf = (text: string): string[] => text.split(/[\s,]+/).filter((part) => part !== "");
