import { AssignerProtocol, type PartitionAssigner } from "kafkajs";
import { stickyAssignment } from "./sticky-assignment.ts";

/**
 * Assigns partition n of every topic to the same member. Each member keeps its partitions as far as the balance allows.
 */
export function coPartitioned(topics: string[], owned: () => number[]): PartitionAssigner {
  const name = "CoPartitioned";
  return ({ cluster }) => ({
    name,
    version: 1,
    protocol: () => ({
      name,
      metadata: AssignerProtocol.MemberMetadata.encode({
        version: 1,
        topics,
        userData: Buffer.from(JSON.stringify(owned())),
      }),
    }),
    assign: async ({ members }) => {
      const partitions = cluster.findTopicPartitionMetadata(topics[0]!).map(({ partitionId }) => partitionId);
      const before = new Map(members.map(({ memberId, memberMetadata }) => [memberId, ownedBefore(memberMetadata)]));
      return Array.from(stickyAssignment(partitions, before), ([memberId, share]) => ({
        memberId,
        memberAssignment: AssignerProtocol.MemberAssignment.encode({
          version: 1,
          assignment: Object.fromEntries(topics.map((topic) => [topic, share])),
          userData: Buffer.alloc(0),
        }),
      }));
    },
  });
}

function ownedBefore(memberMetadata: Buffer): number[] {
  const userData = AssignerProtocol.MemberMetadata.decode(memberMetadata)?.userData.toString();
  return userData ? (JSON.parse(userData) as number[]) : [];
}

export function only(topic: string, partition: number): PartitionAssigner {
  const name = "Only";
  return () => ({
    name,
    version: 1,
    protocol: () => ({
      name,
      metadata: AssignerProtocol.MemberMetadata.encode({ version: 1, topics: [topic], userData: Buffer.alloc(0) }),
    }),
    assign: async ({ members }) =>
      members.slice(0, 1).map(({ memberId }) => ({
        memberId,
        memberAssignment: AssignerProtocol.MemberAssignment.encode({
          version: 1,
          assignment: { [topic]: [partition] },
          userData: Buffer.alloc(0),
        }),
      })),
  });
}
