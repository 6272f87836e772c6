import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { encodeCode, encodeElf } from "../../src/executor/native/machine.ts";
import { Label, Program } from "../../src/executor/native/program.ts";
import { NR } from "../../src/executor/native/system-calls.ts";

describe("the machine's file", () => {
  test("has one interpreter, byte for byte", () => {
    const hex = encodeCode(0x2000_1000).toString("hex");
    expect(hex).toBe(
      [
        "bb00100020",
        "488b03488b7b18488b7320488b53284c8b53304c8b43384c8b4b400f05",
        "488b4b08488901488b4b10488901",
        "483b4348742f483d01f0ffff73114885c07406",
        "488b5b68ebbc",
        "488b5b60ebb6",
        "48891c25080000204889042510000020488b5b58eba0",
        "488b5b50eb9a",
      ].join(""),
    );
  });

  test("is a static program for x86-64 whose code is not writable and whose data is not executable", () => {
    const elf = encodeElf(Buffer.alloc(64), 0x2000_0020);
    expect(elf.subarray(0, 20).toString("hex")).toBe("7f454c4602010100000000000000000002003e00");
    const flags = [64, 120, 176].map((at) => elf.readUInt32LE(at + 4));
    expect(flags).toEqual([5, 6, 6]);
  });

  test("is the same for the same program", () => {
    expect(digestOf(hello("hi\n"))).toBe(digestOf(hello("hi\n")));
  });

  test("refuses a result that is used more often than a row can store", () => {
    const program = hello("");
    const result = program.row("umask", NR.umask, [0]);
    for (let i = 0; i < 3; i++) program.row("use", NR.close, [result]);
    expect(() => program.build()).toThrow("used more than twice");
  });
});

describe.skipIf(process.arch !== "x64" || process.platform !== "linux")("the machine runs", () => {
  test("rows in order", () => {
    expect(execute(hello("hello\n"))).toEqual({ status: 0, stdout: "hello\n" });
  });

  test("results as arguments of later rows", () => {
    const program = new Program();
    program.row("set", NR.umask, [0o21]);
    const old = program.row("get", NR.umask, [0]);
    program.row("exit", NR.exitGroup, [old]);
    expect(execute(withFailure(program)).status).toBe(0o21);
  });

  test.each([
    { name: "the named error", error: "ENOENT", path: "/no/such/path", status: 3 },
    { name: "another error", error: "EACCES", path: "/no/such/path", status: 9 },
    { name: "no error", error: "ENOENT", path: "/", status: 2 },
  ] as const)("the branch for $name", ({ error, path, status }) => {
    const program = new Program();
    const named = new Label();
    program.row("look", NR.access, [program.text(path), 0], { except: { error, goTo: named } });
    program.row("exit", NR.exitGroup, [2]);
    program.place(named);
    program.row("exit", NR.exitGroup, [3]);
    expect(execute(withFailure(program)).status).toBe(status);
  });

  test("both sides of a fork", () => {
    const program = new Program();
    const child = new Label();
    program.row("fork", NR.clone, [17, 0, 0, 0, 0], { onZero: child });
    program.row("wait", NR.wait4, [-1, 0, 0, 0]);
    program.row("write", NR.write, [1, program.text("parent\n"), 7]);
    program.row("exit", NR.exitGroup, [0]);
    program.place(child);
    program.row("write", NR.write, [1, program.text("child\n"), 6]);
    program.row("exit", NR.exitGroup, [0]);
    expect(execute(withFailure(program)).stdout).toBe("child\nparent\n");
  });
});

function digestOf(program: Program): string {
  return createHash("sha256").update(program.build().elf).digest("hex");
}

function hello(text: string): Program {
  const program = new Program();
  program.row("write", NR.write, [1, program.text(text), text.length]);
  program.row("exit", NR.exitGroup, [0]);
  return withFailure(program);
}

function withFailure(program: Program): Program {
  program.place(program.failure);
  program.row("exit", NR.exitGroup, [9]);
  return program;
}

function execute(program: Program): { status: number | null; stdout: string } {
  const directory = mkdtempSync(join(tmpdir(), "tsbuild-machine-"));
  try {
    const path = join(directory, "program");
    writeFileSync(path, program.build().elf, { mode: 0o700 });
    const { status, stdout } = spawnSync(path, [], { encoding: "utf8" });
    return { status, stdout };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
