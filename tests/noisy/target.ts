/** The target and the identity of a noisy neighbour. */
export interface Target {
  receiver: string;
  distributor: string;
  publisher: string;
  /** Tokens of its clients. */
  clients: readonly string[];
  /** The maximum of requests a second: as a noisy tenant sends, and not as a process that has the machine to itself. */
  rate: number;
}
