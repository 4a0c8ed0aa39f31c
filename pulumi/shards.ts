/** Each has a third of the keys. Redis is only a hint: distributors write lost entries again. */
export const SHARDS = 3;
