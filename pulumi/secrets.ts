import { secret, type Output, type Resource } from "@pulumi/pulumi";
import { RandomPassword } from "@pulumi/random";

/** Letters and digits alone: it stands in URLs and in files of several syntaxes. */
export function password(name: string, parent: Resource): Output<string> {
  return secret(new RandomPassword(name, { length: 40, special: false }, { parent }).result);
}
