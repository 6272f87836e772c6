import { execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  getXattr,
  hasSyscalls,
  isKeptXattr,
  isOpaqueDirectory,
  listXattrs,
  makeNode,
  readXattrs,
  removeXattr,
  setTimes,
  setXattr,
} from "../../src/host/syscalls.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const isRoot = process.geteuid?.() === 0;
const everyByte = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join("");

describe.runIf(process.platform === "linux")("system calls that node lacks", () => {
  test("koffi is loaded by the first call, not by the import", () => {
    const script = `const { hasSyscalls } = await import(${JSON.stringify(new URL("../../src/host/syscalls.ts", import.meta.url).href)});
      const loaded = () => process.report.getReport().sharedObjects.some((path) => path.endsWith("koffi.node"));
      console.log(loaded(), hasSyscalls(), loaded());`;
    const out = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    expect(out).toBe("false true true\n");
  });

  test("xattrs keep every byte, on names of any bytes", () => {
    using temp = tempDir("syscalls");
    const path = Buffer.concat([Buffer.from(`${temp.path}/`), Buffer.from([0xff, 0x0a])]);
    writeFileSync(path, "");
    expect(readXattrs(path)).toBeUndefined();
    setXattr(path, "user.bytes", everyByte);
    setXattr(path, "user.empty", "");
    expect(listXattrs(path).toSorted()).toEqual(["user.bytes", "user.empty"]);
    expect(readXattrs(path)).toEqual({ "user.bytes": everyByte, "user.empty": "" });
    removeXattr(path, "user.bytes");
    expect(getXattr(path, "user.bytes")).toBeUndefined();
  });

  test("what belongs to the overlay or to this machine is not read", () => {
    using temp = tempDir("syscalls");
    const path = Buffer.from(temp.path);
    setXattr(path, "user.overlay.opaque", "y");
    expect(readXattrs(path)).toBeUndefined();
    expect(isOpaqueDirectory(path)).toBe(true);
    expect(["security.capability", "user.x"].every(isKeptXattr)).toBe(true);
    const others = [
      "trusted.overlay.opaque",
      "user.overlay.origin",
      "security.selinux",
      "system.posix_acl_access",
    ];
    expect(others.some(isKeptXattr)).toBe(false);
  });

  test("a symlink is not followed", () => {
    using temp = tempDir("syscalls");
    const [target, link] = [join(temp.path, "f"), Buffer.from(join(temp.path, "l"))];
    writeFileSync(target, "");
    setXattr(Buffer.from(target), "user.x", "1");
    symlinkSync("f", link);
    expect(readXattrs(link)).toBeUndefined();
    setTimes(link, 1234, 5);
    expect(lstatSync(link, { bigint: true }).mtimeNs).toBe(1234_000000005n);
    expect(lstatSync(target).mtimeMs).toBeGreaterThan(1e12);
  });

  test("times before 1970", () => {
    using temp = tempDir("syscalls");
    setTimes(Buffer.from(temp.path), -2, 500_000_000);
    expect(lstatSync(temp.path, { bigint: true }).mtimeNs).toBe(-1_500000000n);
  });

  test("whiteout devices and named pipes need no privilege", () => {
    using temp = tempDir("syscalls");
    makeNode(Buffer.from(join(temp.path, "w")), { type: "char", mode: 0, major: 0, minor: 0 });
    makeNode(Buffer.from(join(temp.path, "p")), { type: "fifo", mode: 0o600, major: 0, minor: 0 });
    const [device, pipe] = ["w", "p"].map((name) => lstatSync(join(temp.path, name)));
    expect([device?.isCharacterDevice(), device?.rdev, pipe?.isFIFO()]).toEqual([true, 0, true]);
  });

  test.runIf(isRoot)("device numbers of any size, as stat(1) reads them", () => {
    using temp = tempDir("syscalls");
    const path = join(temp.path, "d");
    makeNode(Buffer.from(path), { type: "block", mode: 0o600, major: 4095, minor: 1_048_575 });
    expect(execFileSync("stat", ["-c", "%Hr %Lr", path], { encoding: "utf8" })).toBe("4095 1048575\n");
  });

  test("failures carry errno's name, the call and the path, as node's own do", () => {
    using temp = tempDir("syscalls");
    const missing = Buffer.from(join(temp.path, "missing"));
    const error = { code: "ENOENT", errno: -2, syscall: "lsetxattr", path: missing.toString() };
    expect(() => setXattr(missing, "user.x", "1")).toThrow(expect.objectContaining(error));
    expect(() => readXattrs(missing)).toThrow(expect.objectContaining({ code: "ENOENT" }));
    mkdirSync(missing);
    expect(() => makeNode(missing, { type: "fifo", mode: 0, major: 0, minor: 0 })).toThrow(
      expect.objectContaining({ code: "EEXIST", syscall: "mknod" }),
    );
  });

  test("a NUL in a path is refused, not cut off", () => {
    expect(() => readXattrs(Buffer.from("/etc/passwd\0x"))).toThrow("NUL");
  });

  test("file systems without xattrs have none", () => {
    expect(readXattrs(Buffer.from("/proc/self/status"))).toBeUndefined();
    expect(hasSyscalls()).toBe(true);
  });
});
