import type { BytePath } from "../core/byte-path.ts";

/** Names that seldom belong into an image, by what they are. */
export type UnwantedKind = "repository" | "dependencies" | "secret";

interface UnwantedName {
  readonly kind: UnwantedKind;
  readonly isDir: boolean;
  readonly name: RegExp;
}

/** Names that public tools give these things. `.env.example` and public keys are meant to be shared. */
const UNWANTED: readonly UnwantedName[] = [
  { kind: "repository", isDir: true, name: /^\.(?:git|hg|svn)$/ },
  { kind: "dependencies", isDir: true, name: /^(?:node_modules|\.venv|venv|__pycache__|bower_components)$/ },
  { kind: "secret", isDir: true, name: /^\.(?:ssh|aws|gnupg|kube)$/ },
  { kind: "secret", isDir: false, name: /^\.env(?:\.(?!example$|sample$|template$|dist$).+)?$/ },
  { kind: "secret", isDir: false, name: /^id_(?:rsa|dsa|ecdsa|ed25519)$/ },
  { kind: "secret", isDir: false, name: /\.(?:pem|key|p12|pfx|keystore|jks)$/ },
  { kind: "secret", isDir: false, name: /^\.(?:netrc|npmrc|pypirc|git-credentials|htpasswd)$/ },
];

/** Of which kind a file or directory is by its name; undefined for all others. */
export function unwantedKind(path: BytePath, isDir: boolean): UnwantedKind | undefined {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return UNWANTED.find((row) => row.isDir === isDir && row.name.test(name))?.kind;
}
