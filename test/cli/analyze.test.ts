import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Ran, runTsbuild, tsbuild } from "../helpers/run-tsbuild.ts";
import { tempDir } from "../helpers/temp-dir.ts";

/** An image that stores `big` three times and shows it once. */
function wasteful() {
  const dir = tempDir("analyze");
  const home = join(dir.path, "store");
  writeFileSync(join(dir.path, "big"), "x".repeat(30_000));
  writeFileSync(join(dir.path, "small"), "y".repeat(10_000));
  writeFileSync(
    join(dir.path, "Dockerfile"),
    "FROM scratch\nCOPY small /base\nCOPY big /data/file\nENV A=1\nCOPY small /data/file\n",
  );
  tsbuild(["-t", "waste:1", dir.path], { home });
  const run = (...args: readonly string[]): Ran => runTsbuild(["analyze", ...args], { home, cwd: dir.path });
  return { dir: dir.path, run, [Symbol.dispose]: () => dir[Symbol.dispose]() };
}

describe("analyze", () => {
  test("names the file that is stored and not seen, and both instructions", () => {
    using image = wasteful();
    const { stdout, status } = image.run("waste:1");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^waste:1: 50 kB in 3 layers, 40\.0 % of it seen, 30 kB not\n/);
    expect(stdout).toMatch(
      /30kB +data\/file +2 COPY big \/data\/file.* +3 COPY small \/data\/file.* \(replaced\)/,
    );
  });

  test("as json it has numbers for tools", () => {
    using image = wasteful();
    expect(JSON.parse(image.run("--format", "json", "waste:1").stdout)).toMatchObject({
      v: 1,
      bytes: 50_000,
      userBytes: 40_000,
      wastedBytes: 30_000,
      efficiency: 0.4,
      layers: [{ added: 1 }, { added: 2, bytes: 30_000 }, { changed: 2 }],
      wasted: [{ path: "data/file", bytes: 30_000, layer: 1, hiddenBy: 2, how: "replaced" }],
    });
  });

  test("--ci ends with 3 where a threshold is passed, by flag, by file, by default", () => {
    using image = wasteful();
    const failed = image.run("--ci", "waste:1");
    expect(failed.status).toBe(3);
    expect(failed.stdout).toContain("FAIL  lowestEfficiency: 40.0 %, at least 90.0 %\n");
    expect(failed.stdout).toContain("FAIL  highestUserWastedPercent: 75.0 %, at most 10.0 %\n");
    expect(failed.stdout).not.toContain("highestWastedBytes");

    writeFileSync(
      join(image.dir, ".dive-ci"),
      "rules:\n  lowestEfficiency: 0.3\n  highestWastedBytes: 31kB\n  highestUserWastedPercent: disabled\n",
    );
    const passed = image.run("--ci", "waste:1");
    expect(passed.stdout).toContain("PASS  highestWastedBytes: 30 kB, at most 31 kB\n");
    expect(passed.status).toBe(0);
    expect(image.run("--ci", "--highestWastedBytes", "29kB", "waste:1").status).toBe(3);
  });

  test.each([
    { text: "rules:\n  lowestEfficency: 1\n", says: "lowestEfficency is not a rule" },
    { text: "rules:\n  lowestEfficiency: 90\n", says: 'lowestEfficiency: "90" is not a number from 0 to 1' },
    { text: "other: 1\n", says: "has no rules" },
    { text: "rules: [", says: "cannot read" },
  ])("a rule file that $says is refused", ({ text, says }) => {
    using image = wasteful();
    writeFileSync(join(image.dir, "rules"), text);
    const ran = image.run("--ci", "--ci-config", join(image.dir, "rules"), "waste:1");
    expect(ran.status).toBe(125);
    expect(ran.stderr).toContain(says);
  });
});
