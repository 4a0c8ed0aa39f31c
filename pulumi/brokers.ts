/** One may be lost, or restarted, and everything that was acknowledged is there and more is taken. */
export const BROKERS = 3;
export const REPLICATION = { REPLICAS: 3, MIN_INSYNC: 2 };
export const USER = "notifications";

/** What holds in the cluster wherever it runs. Topics say the rest for themselves: services/provision/topic-specs.ts. */
export const brokerSettings: Record<string, string> = {
  // A topic that somebody's typing made would have one partition, and no epoch.
  "auto.create.topics.enable": "false",
  "default.replication.factor": String(REPLICATION.REPLICAS),
  "min.insync.replicas": String(REPLICATION.MIN_INSYNC),
  "offsets.topic.replication.factor": String(REPLICATION.REPLICAS),
  "transaction.state.log.replication.factor": String(REPLICATION.REPLICAS),
  "transaction.state.log.min.isr": String(REPLICATION.MIN_INSYNC),
  // A replica that was behind would lose what was answered with 202.
  "unclean.leader.election.enable": "false",
  // Directors that are away for longer than this would begin at the start of the topic: what it keeps, this keeps.
  "offsets.retention.minutes": String(30 * 24 * 60),
};
