import { countWords } from "./count.js";

console.log(`${countWords("to be or not to be")}, ${process.env.NODE_ENV}, user ${process.getuid()}`);
