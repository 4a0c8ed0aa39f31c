/** Where a neighbour is loud, and as whom. */
export interface Target {
  receiver: string;
  distributor: string;
  publisher: string;
  /** Tokens of its clients. */
  clients: readonly string[];
  /** Requests a second, at most: as loud as a tenant is, and not as loud as a process that has the machine to itself. */
  rate: number;
}
