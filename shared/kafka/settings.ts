import { z } from "zod";
import { Failure } from "#runtime/errors.ts";
import { readPem } from "#runtime/pem.ts";

const path = z.string().min(1).optional();

/** The address of Kafka, and the credentials for it. */
export const kafkaSettings = z.object({
  KAFKA_BROKERS: z
    .string()
    .min(1)
    .transform((list) => list.split(",").map((broker) => broker.trim()))
    .meta({ description: "Some brokers, as host:port, separated by commas. They name the others." }),
  KAFKA_TLS: z.stringbool().default(false).meta({ description: "Set true to connect over TLS." }),
  KAFKA_CA: path.meta({
    description: "A file with the certificate authorities of the brokers, if Node does not know them.",
  }),
  KAFKA_CERT: path.meta({ description: "A file with the client certificate, if the brokers ask for one." }),
  KAFKA_KEY: path.meta({ description: "The file of its private key." }),
  KAFKA_SASL: z
    .enum(["plain", "scram-sha-256", "scram-sha-512"])
    .optional()
    .meta({ description: "The mechanism of SASL, if the brokers ask for a name and a password." }),
  KAFKA_USERNAME: z.string().optional().meta({ description: "The name, with KAFKA_SASL." }),
  KAFKA_PASSWORD: z.string().optional().meta({ description: "The password, with KAFKA_SASL." }),
});

type Mechanism = NonNullable<KafkaAddress["KAFKA_SASL"]>;
/** One mechanism, in the types of the client. */
type Sasl = { [M in Mechanism]: { mechanism: M; username: string; password: string } }[Mechanism];

export type KafkaAddress = z.output<typeof kafkaSettings>;

/** Options for the Kafka client. */
export function kafkaOptions(address: KafkaAddress) {
  const { KAFKA_BROKERS: brokers, KAFKA_TLS: tls, KAFKA_SASL: mechanism } = address;
  const {
    KAFKA_CA: ca,
    KAFKA_CERT: cert,
    KAFKA_KEY: key,
    KAFKA_USERNAME: username,
    KAFKA_PASSWORD: password,
  } = address;
  if (!tls && (ca ?? cert ?? key)) throw new Failure("fatal", "KAFKA_CA, KAFKA_CERT and KAFKA_KEY need KAFKA_TLS.");
  if (!cert !== !key) throw new Failure("fatal", "KAFKA_CERT and KAFKA_KEY belong together: set both or neither.");
  if (mechanism && (!username || !password))
    throw new Failure("fatal", "KAFKA_SASL needs KAFKA_USERNAME and KAFKA_PASSWORD.");
  if (!mechanism && (username ?? password))
    throw new Failure("fatal", "KAFKA_USERNAME and KAFKA_PASSWORD need KAFKA_SASL.");
  return {
    brokers,
    ...(tls && {
      ssl: {
        ...(ca && { ca: readPem("KAFKA_CA", ca) }),
        ...(cert && key && { cert: readPem("KAFKA_CERT", cert), key: readPem("KAFKA_KEY", key) }),
      },
    }),
    ...(mechanism && { sasl: saslOf(mechanism, username!, password!) }),
  };
}

function saslOf(mechanism: Mechanism, username: string, password: string): Sasl {
  return { mechanism, username, password };
}
