import assert from "node:assert";
import { test } from "node:test";
import { countWords } from "../src/count.js";

test("one is no plural", () => assert.equal(countWords("one"), "1 word"));
test("two are", () => assert.equal(countWords("one two"), "2 words"));
