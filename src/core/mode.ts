/** What --chmod does to a mode of 12 bits. `octal` is set for the numeric form, which parents made on the way take too. */
export interface ModeChange {
  readonly octal?: number;
  apply(mode: number, isDirectory: boolean): number;
}

/** `755`, `4755`, `u+x,go-w`, `a=rX`: chmod(1)'s grammar without a umask; undefined where it is none. */
export function parseMode(text: string): ModeChange | undefined {
  if (/^[0-7]{1,5}$/.test(text)) {
    const octal = Number.parseInt(text, 8);
    return octal > 0o7777 ? undefined : { octal, apply: () => octal };
  }
  const clauses: Clause[] = [];
  for (const part of text.split(",")) {
    const match = /^([ugoa]*)((?:[+=-](?:[rwxXst]*|[ugo]))+)$/.exec(part);
    if (match === null) return undefined;
    for (const [, operator = "", bits = ""] of (match[2] ?? "").matchAll(/([+=-])([rwxXstugo]*)/g)) {
      clauses.push({ who: match[1] === "" ? "a" : (match[1] ?? "a"), operator, bits });
    }
  }
  return {
    apply: (mode, isDirectory) => clauses.reduce((m, clause) => applyClause(m, clause, isDirectory), mode),
  };
}

interface Clause {
  readonly who: string;
  readonly operator: string;
  readonly bits: string;
}

const SHIFT: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 };

function applyClause(mode: number, { who, operator, bits }: Clause, isDirectory: boolean): number {
  const classes = who.includes("a") ? ["u", "g", "o"] : [...new Set(who)];
  let set = 0;
  let affected = 0;
  for (const name of classes) {
    const shift = SHIFT[name] ?? 0;
    set |= permissionBits(mode, bits, isDirectory) << shift;
    affected |= 0o7 << shift;
    if (bits.includes("s") && name === "u") set |= 0o4000;
    if (bits.includes("s") && name === "g") set |= 0o2000;
    if (name === "u") affected |= 0o4000;
    if (name === "g") affected |= 0o2000;
  }
  if (bits.includes("t")) set |= 0o1000;
  if (operator === "+") return mode | set;
  if (operator === "-") return mode & ~set;
  // chmod(1): "=" leaves a directory's set-id bits alone unless they are named.
  const cleared = isDirectory && !bits.includes("s") ? affected & 0o777 : affected;
  return (mode & ~cleared) | set;
}

function permissionBits(mode: number, bits: string, isDirectory: boolean): number {
  let value = 0;
  for (const bit of bits) {
    if (bit === "r") value |= 4;
    else if (bit === "w") value |= 2;
    else if (bit === "x") value |= 1;
    else if (bit === "X" && (isDirectory || (mode & 0o111) !== 0)) value |= 1;
    else if (bit in SHIFT) value |= (mode >> (SHIFT[bit] ?? 0)) & 7;
  }
  return value;
}
