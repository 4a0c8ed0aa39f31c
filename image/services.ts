/** The names that start the image, with each default port if PORT is not set. Provision ends when it is done. */
const ports = {
  receiver: 8080,
  distributor: 8081,
  director: 8082,
  console: 8083,
  courier: 8084,
  dispatcher: 8085,
  recorder: 8086,
  provision: undefined,
};

type Service = keyof typeof ports;

export function serviceOf(name: string | undefined): Service | undefined {
  return name !== undefined && Object.hasOwn(ports, name) ? (name as Service) : undefined;
}

export const portOf = (service: Service): number | undefined => ports[service];
