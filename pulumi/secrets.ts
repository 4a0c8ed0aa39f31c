import { secret, type Output, type Resource } from "@pulumi/pulumi";
import { RandomPassword } from "@pulumi/random";

/** Only letters and digits, because URLs and files of several syntaxes contain it. */
export function password(name: string, parent: Resource): Output<string> {
  return secret(new RandomPassword(name, { length: 40, special: false }, { parent }).result);
}
