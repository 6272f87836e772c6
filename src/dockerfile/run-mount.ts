import { parseByteSize } from "../core/byte-size.ts";
import { BuildError } from "../core/errors.ts";
import { csvFields } from "./csv-fields.ts";
import { quote } from "./quote.ts";
import { suggest } from "./suggest.ts";

const TYPES = ["bind", "cache", "tmpfs", "secret", "ssh"] as const;
const SHARINGS = ["shared", "private", "locked"] as const;
const KEYS =
  "type from source src target dst destination readonly ro readwrite rw id sharing required size mode uid gid env".split(
    " ",
  );

export type MountType = (typeof TYPES)[number];

/** The fields of one `--mount`, as written but for variables; nothing of it resolved. */
export interface MountFields {
  readonly type: MountType;
  readonly from: string;
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly required: boolean;
  readonly id: string;
  readonly sizeBytes: number | undefined;
  readonly sharing: (typeof SHARINGS)[number] | undefined;
  readonly mode: number | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly env: string | undefined;
}

type Draft = { -readonly [K in keyof MountFields]: MountFields[K] } & { isAccessWritten: boolean };

/**
 * Reads the value of a `--mount` (BuildKit: instructions/commands_runmount.go). `expand` puts variables into values; keys are
 * taken as they are, in any case. Fields are read in order: `type` has to stand before what only its type takes. Throws
 * `dockerfile/bad-flag` without a place, the field at fault in `word`.
 */
export function parseMount(value: string, expand: (word: string) => string): MountFields {
  const draft: Draft = {
    type: "bind",
    from: "",
    source: "",
    target: "",
    readOnly: false,
    required: false,
    id: "",
    sizeBytes: undefined,
    sharing: undefined,
    mode: undefined,
    uid: undefined,
    gid: undefined,
    env: undefined,
    isAccessWritten: false,
  };
  for (const field of csvFields(value) ?? []) {
    const equals = field.indexOf("=");
    const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
    if (equals < 0) setBare(draft, key, field);
    else setField(draft, { key, field, text: expand(field.slice(equals + 1)) });
  }
  refuseMisfits(draft);
  const { isAccessWritten, ...fields } = draft;
  // What commands write into binds is thrown away: read-only unless asked for.
  const readOnly = isAccessWritten ? draft.readOnly : draft.type !== "cache" && draft.type !== "tmpfs";
  return { ...fields, readOnly };
}

/** The `from` of a mount before any variable is put in; undefined: it has none. */
export function mountFrom(value: string): string | undefined {
  const field = (csvFields(value) ?? []).findLast((text) => /^from=/i.test(text));
  return field?.slice("from=".length);
}

interface Field {
  readonly key: string;
  readonly field: string;
  readonly text: string;
}

function setBare(draft: Draft, key: string, field: string): void {
  if (key === "required") requireType(draft, key, ["secret", "ssh"]).required = true;
  else if (["readonly", "ro", "readwrite", "rw"].includes(key))
    setAccess(draft, key.startsWith("reado") || key === "ro");
  else if (KEYS.includes(key)) throw bad(`${quote(field)} has no value`, `Write ${key}=….`, field);
  else throw unknownKey(key, field);
}

function setAccess(draft: Draft, readOnly: boolean): void {
  draft.readOnly = readOnly;
  draft.isAccessWritten = true;
}

function setField(draft: Draft, field: Field): void {
  const { key, text } = field;
  const setter = Object.hasOwn(SETTERS, key) ? SETTERS[key] : undefined;
  if (setter === undefined) throw unknownKey(key, field.field);
  setter(draft, field, text);
}

const setSource = (draft: Draft, _: Field, text: string): void => void (draft.source = text);
const setTarget = (draft: Draft, _: Field, text: string): void => void (draft.target = text);
const setReadOnly = (draft: Draft, field: Field): void => setAccess(draft, readBoolean(field));
const setReadWrite = (draft: Draft, field: Field): void => setAccess(draft, !readBoolean(field));

const SETTERS: Readonly<Record<string, (draft: Draft, field: Field, text: string) => void>> = {
  type: (draft, field) => void (draft.type = choose(field, TYPES)),
  from: (draft, _, text) => void (draft.from = text),
  source: setSource,
  src: setSource,
  target: setTarget,
  dst: setTarget,
  destination: setTarget,
  readonly: setReadOnly,
  ro: setReadOnly,
  readwrite: setReadWrite,
  rw: setReadWrite,
  required: (draft, field) => {
    requireType(draft, "required", ["secret", "ssh"]).required = readBoolean(field);
  },
  size: (draft, { field }, text) => {
    const bytes = parseByteSize(text);
    if (bytes === undefined) throw bad(`${quote(field)} is not a size`, "Write size=64m.", field);
    requireType(draft, "size", ["tmpfs"]).sizeBytes = bytes;
  },
  id: (draft, _, text) => void (draft.id = text),
  sharing: (draft, field) => void (draft.sharing = choose(field, SHARINGS)),
  mode: (draft, field) => void (draft.mode = readNumber(field, 8)),
  uid: (draft, field) => void (draft.uid = readNumber(field, 10)),
  gid: (draft, field) => void (draft.gid = readNumber(field, 10)),
  env: (draft, _, text) => void (draft.env = text),
};

function choose<T extends string>({ key, field, text }: Field, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return found;
  const near = suggest(text, choices);
  const list = `Choose one of ${choices.join(", ")}.`;
  const what = key === "type" ? "a type of mount" : "a way of sharing";
  throw bad(
    `${quote(text)} is not ${what}`,
    near === undefined ? list : `Did you mean ${near}? ${list}`,
    field,
  );
}

/** Go's strconv.ParseBool. */
function readBoolean({ key, field, text }: Field): boolean {
  if (["1", "t", "T", "TRUE", "true", "True"].includes(text)) return true;
  if (["0", "f", "F", "FALSE", "false", "False"].includes(text)) return false;
  throw bad(`${key} is true or false, not ${quote(text)}`, `Write ${key}, or ${key}=false.`, field);
}

function readNumber({ key, field, text }: Field, base: 8 | 10): number {
  const value = (base === 8 ? /^[0-7]+$/ : /^\d+$/).test(text) ? Number.parseInt(text, base) : Number.NaN;
  if (value <= 0xffff_ffff) return value;
  const hint = base === 8 ? "Write octal digits, such as mode=0440." : `Write a number, such as ${key}=1000.`;
  throw bad(`${key}=${text} is not a ${base === 8 ? "mode" : "number"}`, hint, field);
}

function requireType(draft: Draft, key: string, types: readonly MountType[]): Draft {
  if (types.includes(draft.type)) return draft;
  const hint = `${key} belongs to ${types.map((type) => `type=${type}`).join(" and ")}, which has to stand before it.`;
  throw bad(`${key} is no option of a ${draft.type} mount`, hint, key);
}

function refuseMisfits(draft: Draft): void {
  const { type } = draft;
  const refuse = (key: keyof MountFields, owners: string): void => {
    if (draft[key] === undefined || draft[key] === "") return;
    throw bad(`${key} is no option of a ${type} mount`, `It belongs to ${owners}.`, key);
  };
  if (type === "bind" || type === "tmpfs") {
    for (const key of ["mode", "uid", "gid"] as const) refuse(key, "cache, secret and ssh mounts");
  }
  if (type !== "cache") refuse("sharing", "cache mounts");
  if (type !== "secret") refuse("env", "secret mounts");
  if (type === "secret" || type === "ssh") refuse("from", "bind and cache mounts");
  if (type === "ssh") refuse("source", "bind, cache and secret mounts");
  if (type !== "secret") return;
  if (draft.source !== "" && draft.id !== "")
    throw bad("source and id are two words for one thing", "Keep one of them.", "source");
  if (draft.source === "" && draft.id === "" && draft.target === "")
    throw bad("which secret is not said", "Write id=NAME, as in --secret id=NAME,src=FILE.", "type");
}

function unknownKey(key: string, field: string): BuildError {
  const near = suggest(key, KEYS);
  const list = `Options are ${KEYS.join(", ")}.`;
  return bad(
    `there is no option ${quote(key)}`,
    near === undefined ? list : `Did you mean ${near}? ${list}`,
    field,
  );
}

function bad(message: string, hint: string, word: string): BuildError {
  return new BuildError("dockerfile/bad-flag", `RUN --mount: ${message}`, { hint, word });
}
