/** `node tagger.ts HOME NAME ROUNDS`: builds and tags, keeps every tag, prunes in between; fails where something is lost. */
import { openStore } from "../../../src/store/store.ts";
import { addLayer, imageOf } from "../../helpers/store-images.ts";

const [home = "", name = "", rounds = ""] = process.argv.slice(2);
for (let round = 0; round < Number(rounds); round += 1) {
  // A store and a lease a round: each is a command of its own, whose leftovers the others may sweep.
  using store = openStore(home, {
    warn: (text) => {
      throw new Error(text);
    },
  });
  using _lease = store.openLease("build");
  // All processes make and reuse the same layers at the same time.
  const base = addLayer(store, `base ${round % 4}`);
  const claimed = store.layers.claim(base.chainId);
  const top = addLayer(store, `top ${round % 7}`, base);
  store.images.add(imageOf(store, [base, top], [`docker.io/library/${name}:${round}`], `${round % 5}`));
  if (claimed === undefined) throw new Error(`a layer written under a lease is gone in round ${round}`);
  if (store.blobs.readWhole(claimed.blobs[0]!.digest) === undefined)
    throw new Error("a claimed blob is gone");
  if (round % 3 === 0) store.prune({ records: "all", images: "dangling" });
}
