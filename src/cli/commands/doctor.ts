import { createEngine } from "../../engine.ts";
import { examineMachine, type Finding } from "../../operations/examine-machine.ts";
import { chooseColours } from "../../progress/choose-progress.ts";
import { createPaint, type Style } from "../../progress/paint.ts";
import { safeName } from "../../progress/safe-text.ts";
import type { Command } from "../command.ts";

const STYLE: Readonly<Record<Finding["state"], Style>> = { good: "miss", poor: "warning", bad: "fail" };

export const doctorCommand: Command = {
  names: ["doctor"],
  usage: "doctor [OPTIONS]",
  summary: "Say what works on this machine, and what each part lacks",
  flags: [{ name: "format", value: "FORMAT", help: "text (default) or json" }],
  run: async (args, { env, stdout }) => {
    await using engine = await createEngine({ env });
    const findings = await examineMachine(engine.shop);
    if (args.get("format") === "json") stdout.write(`${JSON.stringify(findings)}\n`);
    else stdout.write(text(findings, chooseColours({ isTTY: stdout.isTTY, env })));
    return findings.some(({ state }) => state === "bad") ? 1 : 0;
  },
};

function text(findings: readonly Finding[], colours: boolean): string {
  const paint = createPaint(colours);
  const width = Math.max(...findings.map(({ about }) => about.length));
  return findings
    .map(({ state, about, text: said, hint }) => {
      const line = `${paint(STYLE[state], state.padEnd(4))}  ${about.padEnd(width)}  ${safeName(said)}\n`;
      return hint === undefined
        ? line
        : `${line}${" ".repeat(width + 8)}${paint("hint", "hint:")} ${safeName(hint)}\n`;
    })
    .join("");
}
