/** With one broker lost or restarting, all acknowledged records still exist, and producers can write more. */
export const BROKERS = 3;
export const REPLICATION = { REPLICAS: 3, MIN_INSYNC: 2 };
export const USER = "notifications";

/** Settings of every cluster, on any target. Topics have their own: services/provision/topic-specs.ts. */
export const brokerSettings: Record<string, string> = {
  // A topic that a mistyped name creates would have one partition, and no epoch.
  "auto.create.topics.enable": "false",
  "default.replication.factor": String(REPLICATION.REPLICAS),
  "min.insync.replicas": String(REPLICATION.MIN_INSYNC),
  "offsets.topic.replication.factor": String(REPLICATION.REPLICAS),
  "transaction.state.log.replication.factor": String(REPLICATION.REPLICAS),
  "transaction.state.log.min.isr": String(REPLICATION.MIN_INSYNC),
  // A replica that lags behind would lose notifications that were answered with 202.
  "unclean.leader.election.enable": "false",
  // Directors that are away for longer would read the topic again from its start. So this is as long as its retention.
  "offsets.retention.minutes": String(30 * 24 * 60),
};
