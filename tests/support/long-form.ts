/** `just test-long` sets this variable. CI runs the short form of each proof, which takes seconds. */
export const LONG = process.env.TEST_LONG === "1";
