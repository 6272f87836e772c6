import { describe, expect, test } from "vitest";
import { parseChallenges } from "../../src/registry/challenge.ts";
import { isInRange, isLoopback } from "../../src/registry/ip-range.ts";
import { retryAfterMs } from "../../src/registry/retry.ts";

describe("headers and hosts", () => {
  test.each([
    { name: "nothing", lines: [], expected: [] },
    {
      name: "a token server",
      lines: [`Bearer realm="https://a/t",service="s, t",scope="x y"`],
      expected: [["bearer", { realm: "https://a/t", service: "s, t", scope: "x y" }]],
    },
    {
      name: "two in a line",
      lines: [`Basic realm="a", Bearer realm=b`],
      expected: [
        ["basic", { realm: "a" }],
        ["bearer", { realm: "b" }],
      ],
    },
    {
      name: "two lines",
      lines: ["Negotiate", `basic REALM = "q\\"q"`],
      expected: [
        ["negotiate", {}],
        ["basic", { realm: 'q"q' }],
      ],
    },
    {
      name: "an open quote",
      lines: [`Bearer realm="a`],
      expected: [
        ["bearer", {}],
        ["realm", {}],
      ],
    },
  ])("challenges: $name", ({ lines, expected }) => {
    const read = parseChallenges(lines).map(({ scheme, parameters }) => [
      scheme,
      Object.fromEntries(parameters),
    ]);
    expect(read).toEqual(expected);
  });

  test("challenges of hostile length are read in linear time", () => {
    expect(parseChallenges(["a ".repeat(20_000), `x y="${"\\".repeat(50_001)}`]).length).toBeGreaterThan(0);
  });

  test.each([
    { value: undefined, expected: undefined },
    { value: "7", expected: 7000 },
    { value: "Thu, 01 Jan 1970 00:01:00 GMT", expected: 59_000 },
    { value: "soon", expected: undefined },
  ])("Retry-After $value", ({ value, expected }) => {
    expect(retryAfterMs(value, 1000)).toBe(expected);
  });

  test.each([
    { host: "localhost", expected: true },
    { host: "LOCALHOST:5000", expected: true },
    { host: "a.localhost", expected: true },
    { host: "127.8.9.1:80", expected: true },
    { host: "[::1]:5000", expected: true },
    { host: "127.0.0.1.example.com", expected: false },
    { host: "[::2]", expected: false },
    { host: "10.0.0.1", expected: false },
  ])("$host is this machine: $expected", ({ host, expected }) => {
    expect(isLoopback(host)).toBe(expected);
  });

  test.each([
    { address: "10.255.0.1", range: "10.0.0.0/8", expected: true },
    { address: "11.0.0.1", range: "10.0.0.0/8", expected: false },
    { address: "10.0.0.1", range: "10.0.0.0/99", expected: false },
    { address: "10.0.0.1", range: "10.0.0.0", expected: false },
    { address: "fd00::1", range: "fd00::/8", expected: true },
    { address: "fd00::1", range: "10.0.0.0/8", expected: false },
    { address: "example.com", range: "10.0.0.0/8", expected: false },
  ])("$address in $range: $expected", ({ address, range, expected }) => {
    expect(isInRange(address, range)).toBe(expected);
  });
});
