import { plural } from "plural";

export const countWords = (text) => plural(text.split(/\s+/).filter(Boolean).length, "word");
