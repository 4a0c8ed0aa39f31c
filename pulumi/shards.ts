/** Each has a third of the keys. Redis is a hint: what one loses the distributors write again. */
export const SHARDS = 3;
