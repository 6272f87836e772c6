import { defineConfig, type OxlintOverride } from "oxlint";
import { MAY_IMPORT, PURE } from "./boundaries.ts";

const HOST_MODULES = [
  "child_process",
  "fs",
  "fs/*",
  "http",
  "https",
  "net",
  "os",
  "process",
  "worker_threads",
];

/** The import wall of one folder, as a lint override. */
function boundary(folder: string): OxlintOverride {
  const may = MAY_IMPORT[folder] ?? [];
  const banned = Object.keys(MAY_IMPORT).filter((name) => name !== folder && !may.includes(name));
  const patterns = [
    {
      group: banned.flatMap((name) => [`../${name}/**`, `../**/${name}/**`]),
      message: `src/${folder} may import only: ${may.join(", ") || "nothing"}. See boundaries.ts.`,
    },
  ];
  if (folder !== "cli") {
    patterns.push({
      group: [
        "../build.ts",
        "../**/build.ts",
        "../engine.ts",
        "../**/engine.ts",
        "../index.ts",
        "../**/index.ts",
      ],
      message: "The pipeline calls you; you never call the pipeline.",
    });
  }
  if (PURE.includes(folder)) {
    patterns.push({
      group: HOST_MODULES.map((name) => `node:${name}`),
      message: "Pure folder: take the effect as a port from src/core/ports.ts.",
    });
  }
  return {
    files: [`src/${folder}/**`],
    rules: { "no-restricted-imports": ["error", { patterns }] },
  };
}

export default defineConfig({
  plugins: ["typescript", "import", "unicorn", "promise", "react", "vitest"],
  categories: { correctness: "error", suspicious: "error" },
  options: { typeAware: true },
  ignorePatterns: ["dist", "node_modules", "coverage"],
  rules: {
    // An exhaustive switch over a union counts a branch a case: it is the form we want.
    complexity: ["error", { max: 20 }],
    "import/no-cycle": "error",
    "import/no-default-export": "error",
    "max-lines": ["error", { max: 350, skipBlankLines: true, skipComments: true }],
    "max-lines-per-function": ["error", { max: 70, skipBlankLines: true, skipComments: true }],
    "max-params": ["error", { max: 4 }],
    "no-console": "error",
    "react/react-in-jsx-scope": "off",
    "typescript/consistent-type-imports": "error",
    "typescript/no-explicit-any": "error",
    "typescript/no-floating-promises": "error",
    "typescript/no-misused-promises": "error",
    "typescript/no-non-null-assertion": "error",
    "typescript/no-unsafe-type-assertion": "error",
    "typescript/only-throw-error": "error",
    "typescript/switch-exhaustiveness-check": "error",
    "unicorn/prefer-node-protocol": "error",
    // Byte order and chunk order are part of what we compute: an awaited loop is the point, not an oversight.
    "no-await-in-loop": "off",
    // `using _lease = …` holds something for a scope: no-unused-vars wants the very underscore that this one refuses.
    "no-underscore-dangle": "off",
    // Paths and tar headers are full of control characters that must be named.
    "no-control-regex": "off",
  },
  overrides: [
    ...Object.keys(MAY_IMPORT).map(boundary),
    {
      files: PURE.map((folder) => `src/${folder}/**`),
      rules: { "no-restricted-globals": ["error", "process", "fetch", "setTimeout", "setInterval"] },
    },
    {
      files: ["test/**", "bench/**", "scripts/**", "examples/**"],
      rules: {
        "typescript/no-non-null-assertion": "off",
        "typescript/no-unsafe-type-assertion": "off",
        "max-lines-per-function": "off",
        "no-console": "off",
      },
    },
    { files: ["*.config.ts"], rules: { "import/no-default-export": "off" } },
  ],
});
