import { Box, Static, Text } from "ink";
import type { Frame } from "./build-frames.ts";

/** Draws what it is given: no clock, no engine, no state. Lines come cut and coloured from src/progress. */
export function BuildScreen({ frame }: { readonly frame: Frame }) {
  return (
    <>
      <Static items={[...frame.finished]}>{(item) => <Lines key={item.key} lines={item.lines} />}</Static>
      <Lines lines={frame.live} />
    </>
  );
}

/** Cutting again here is a safety net: Ink may see a character wider than we do, and a wrapped line would shift the cursor. */
function Lines({ lines }: { readonly lines: readonly string[] }) {
  return (
    <Box flexDirection="column">
      {lines.map((line, index) => (
        // oxlint-disable-next-line react/no-array-index-key -- a line has no identity but its place
        <Text key={index} wrap="truncate-end">
          {line === "" ? " " : line}
        </Text>
      ))}
    </Box>
  );
}
