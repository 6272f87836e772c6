import { type AuthFileOptions, chooseAuthFile, readAuthFile, updateAuthFile } from "./auth-file.ts";
import { eraseWithHelper, storeWithHelper } from "./credential-helper.ts";
import { type Credentials, entriesOf, helperOf, keyOf, TOKEN_USER } from "./credentials.ts";
import { asObject, type Json } from "./json.ts";

/** What a login leaves behind. `username` beside an identity token is for people: the token alone is sent. */
export interface KeptLogin {
  readonly username: string;
  readonly secret: Extract<Credentials, { readonly type: "basic" | "identity-token" }>;
}

export interface KeptWhere {
  /** The auth file in force. */
  readonly path: string;
  /** The helper that keeps the secret; undefined: it is in the file, readable by its owner. */
  readonly helper: string | undefined;
}

/** Keeps a login where the auth file in force says: with a helper, else in the file itself. Other entries stay. */
export async function keepLogin(
  options: AuthFileOptions,
  authHost: string,
  login: KeptLogin,
): Promise<KeptWhere> {
  const { path } = chooseAuthFile(options);
  const helper = helperOf(readAuthFile(path, false), authHost);
  if (helper !== undefined) await storeWithHelper(helper.name, helper.server, toHelperSecret(login));
  // With a helper the entry stays empty, as Docker leaves it: it says that there is a login.
  const entry = helper === undefined ? toEntry(login) : {};
  updateAuthFile(path, (file) => withEntry(file, keyOf(authHost), entry));
  return { path, helper: helper?.name };
}

/** Forgets a login, in every spelling of the registry's name. False where there was none. */
export async function forgetLogin(options: AuthFileOptions, authHost: string): Promise<boolean> {
  const { path } = chooseAuthFile(options);
  const file = readAuthFile(path, false);
  const helper = helperOf(file, authHost);
  if (helper !== undefined) await eraseWithHelper(helper.name, helper.server);
  const isKnown = entriesOf(asObject(file["auths"]) ?? {}, authHost).length > 0;
  if (isKnown) updateAuthFile(path, (current) => withoutEntries(current, authHost));
  return isKnown || helper !== undefined;
}

function toHelperSecret({ username, secret }: KeptLogin) {
  return secret.type === "identity-token"
    ? { username: TOKEN_USER, secret: secret.token }
    : { username, secret: secret.password };
}

function toEntry({ username, secret }: KeptLogin): Json {
  const password = secret.type === "basic" ? secret.password : "";
  const auth = Buffer.from(`${username}:${password}`, "utf8").toString("base64");
  return secret.type === "basic" ? { auth } : { auth, identitytoken: secret.token };
}

function withEntry(file: Json, key: string, entry: Json): Json {
  return { ...file, auths: { ...asObject(file["auths"]), [key]: entry } };
}

function withoutEntries(file: Json, authHost: string): Json {
  const auths = asObject(file["auths"]) ?? {};
  const gone = new Set(entriesOf(auths, authHost));
  return { ...file, auths: Object.fromEntries(Object.entries(auths).filter(([key]) => !gone.has(key))) };
}
