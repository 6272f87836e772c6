/** A parsed Go template (text/template), as far as Docker's --format needs it. */
export type Node =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "print"; readonly pipe: Pipe }
  | { readonly type: "assign"; readonly name: string; readonly pipe: Pipe }
  | {
      readonly type: "if" | "with";
      readonly pipe: Pipe;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    }
  | {
      readonly type: "range";
      readonly pipe: Pipe;
      /** `$value`, or `$index, $value`. */
      readonly names: readonly string[];
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    };

/** Commands joined by "|": the result of one is the last argument of the next. */
export type Pipe = readonly Command[];
/** A function and its arguments, or one value. */
export type Command = readonly Operand[];

export type Operand =
  | { readonly type: "value"; readonly value: unknown }
  | { readonly type: "function"; readonly name: string }
  /** `.A.B` of the dot, or of a variable. */
  | { readonly type: "path"; readonly from: string | null; readonly fields: readonly string[] }
  | { readonly type: "group"; readonly pipe: Pipe; readonly fields: readonly string[] };
