import { describe, expect, test } from "vitest";
import {
  formatAbout,
  formatAge,
  formatBytes,
  formatCount,
  formatDockerSize,
  formatSeconds,
  formatTimeLeft,
  shortDigest,
  shortId,
} from "../../src/progress/format.ts";

describe("sizes are decimal and never 1000 of a unit", () => {
  test.each([
    { bytes: 0, people: "0 B", docker: "0B" },
    { bytes: 999, people: "999 B", docker: "999B" },
    { bytes: 1536, people: "1.5 kB", docker: "1.54kB" },
    { bytes: 3_100, people: "3.1 kB", docker: "3.1kB" },
    { bytes: 9_960, people: "10 kB", docker: "9.96kB" },
    { bytes: 182_000, people: "182 kB", docker: "182kB" },
    { bytes: 999_600, people: "1 MB", docker: "1MB" },
    { bytes: 61_234_567, people: "61 MB", docker: "61.2MB" },
    { bytes: 1_250_000_000, people: "1.3 GB", docker: "1.25GB" },
  ])("$bytes bytes are $people", ({ bytes, people, docker }) => {
    expect(formatBytes(bytes)).toBe(people);
    expect(formatDockerSize(bytes)).toBe(docker);
  });
});

test.each([
  [0, "0.0s"],
  [0.1, "0.1s"],
  [13.1, "13.1s"],
  [59.96, "1m 00s"],
  [125, "2m 05s"],
  [3720, "1h 02m"],
])("%d seconds are shown as %s", (seconds, text) => expect(formatSeconds(seconds)).toBe(text));

test.each([
  [9.2, "9.2 s"],
  [14.4, "14 s"],
  [600, "10 min"],
  [7200, "2 h"],
])("an estimate of %d seconds is about %s", (seconds, text) => expect(formatAbout(seconds)).toBe(text));

test.each([
  [0.2, "1s left"],
  [12, "12s left"],
  [180, "3m left"],
  [7200, "2h left"],
])("%d seconds to go are %s", (seconds, text) => expect(formatTimeLeft(seconds)).toBe(text));

test.each([
  { seconds: 0, age: "Less than a second ago" },
  { seconds: 1, age: "1 second ago" },
  { seconds: 45, age: "45 seconds ago" },
  { seconds: 61, age: "About a minute ago" },
  { seconds: 180, age: "3 minutes ago" },
  { seconds: 3600, age: "About an hour ago" },
  { seconds: 3600 * 30, age: "30 hours ago" },
  { seconds: 86400 * 3, age: "3 days ago" },
  { seconds: 86400 * 21, age: "3 weeks ago" },
  { seconds: 86400 * 90, age: "3 months ago" },
  { seconds: 86400 * 800, age: "2 years ago" },
])("what is $seconds seconds old was made $age, as Docker says it", ({ seconds, age }) => {
  expect(formatAge(seconds * 1000)).toBe(age);
});

test("digests are shortened to what people compare", () => {
  const digest = `sha256:${"9fcc1a6d4e3b".padEnd(64, "0")}`;
  expect(shortId(digest)).toBe("9fcc1a6d4e3b");
  expect(shortDigest(digest)).toBe("sha256:9fcc1a…");
});

test("one is singular", () => {
  expect([formatCount(1, "miss", "misses"), formatCount(2, "miss", "misses"), formatCount(0, "hit")]).toEqual(
    ["1 miss", "2 misses", "0 hits"],
  );
});
