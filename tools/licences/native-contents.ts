/** A library that was compiled into a native file, as CycloneDX writes it. */
export interface Content {
  type: "library";
  name: string;
  version: string;
  purl: string;
  licenses: [{ license: { id: string } }] | [{ expression: string }];
}

/**
 * The libraries inside native files, by their package. No file names its own. These come from the symbols in the file
 * and from upstream's history (docs/internals/decisions/0020-socket-library.md). A new version of the package needs a
 * new entry: `npx just licences` fails without one.
 */
export const NATIVE_CONTENTS: Record<string, Content[]> = {
  "@uwsjs/linux-x64-22@20.51.4": [
    from("uNetworking/uWebSockets", "v20.71.0", "Apache-2.0"),
    from("uNetworking/uSockets", "9e1ccc70424d1a09601654d963be0a592462c85b", "Apache-2.0"),
    from("google/boringssl", "1ccef4908ce04adc6d246262846f3cd8a111fa44", "OpenSSL AND ISC AND MIT"),
    from("litespeedtech/lsquic", "108c4e7629a8c10b9a73e3d95be0a1652e620fb9", "MIT"),
  ],
  "uws-pack@20.0.8": [
    from("uNetworking/uWebSockets", "v20.67.0", "Apache-2.0"),
    from("uNetworking/uSockets", "89db1704ddb1ece2aa447f550c863ba5524e0e4d", "Apache-2.0"),
    from("google/boringssl", "1ccef4908ce04adc6d246262846f3cd8a111fa44", "OpenSSL AND ISC AND MIT"),
    from("litespeedtech/lsquic", "108c4e7629a8c10b9a73e3d95be0a1652e620fb9", "MIT"),
  ],
};

function from(repository: string, version: string, licence: string): Content {
  const name = repository.slice(repository.indexOf("/") + 1);
  const licenses: Content["licenses"] = licence.includes(" ")
    ? [{ expression: licence }]
    : [{ license: { id: licence } }];
  return { type: "library", name, version, purl: `pkg:github/${repository.toLowerCase()}@${version}`, licenses };
}
