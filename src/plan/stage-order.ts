/** A stage that is being visited, and which of the stages it reads comes next. */
interface Visit {
  readonly index: number;
  readonly reads: readonly number[];
  next: number;
}

/**
 * The roots and all that they read, each stage behind what it reads. `readsOf` gives a stage's sources; a circle is given to
 * `onCircle`, first stage at both ends, which throws; a checked graph has none. Not recursive: a file may chain 100,000 stages.
 */
export function dependencyOrder(
  roots: Iterable<number>,
  readsOf: (index: number) => readonly number[],
  onCircle: (circle: readonly number[]) => never = refuseCircle,
): number[] {
  const done = new Set<number>();
  for (const root of roots) {
    const path: Visit[] = [];
    const onPath = new Set<number>();
    const enter = (index: number): void => {
      if (done.has(index)) return;
      if (onPath.has(index)) {
        const indices = path.map((visit) => visit.index);
        onCircle([...indices.slice(indices.indexOf(index)), index]);
      }
      path.push({ index, reads: readsOf(index), next: 0 });
      onPath.add(index);
    };
    enter(root);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const source = top.reads[top.next++];
      if (source !== undefined) {
        enter(source);
        continue;
      }
      path.pop();
      onPath.delete(top.index);
      done.add(top.index);
    }
  }
  return [...done];
}

function refuseCircle(circle: readonly number[]): never {
  throw new Error(`the stages have a circle: ${circle.join()}`);
}
