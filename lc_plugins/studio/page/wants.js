/** What is wanted of a value: its form in the spec, and its two ends. */

export const WANT_KEYS = ["at_least", "at_most", "between", "target", "tolerance"];

/** The want that an entry gives, else its rule's own, else null. */
export function wantOf(entry, rule) {
  const given = Object.fromEntries(WANT_KEYS.filter((key) => key in entry).map((key) => [key, entry[key]]));
  return Object.keys(given).length ? given : (rule?.want ?? null);
}

/** Write a want into an entry. */
export function setWant(entry, want) {
  for (const key of WANT_KEYS) delete entry[key];
  Object.assign(entry, want);
}

/** @returns {"at_least"|"at_most"|"between"|"target"} */
export const kindOf = (want) =>
  ["between", "at_least", "at_most", "target"].find((key) => key in (want ?? {})) ?? "between";

/** The lowest and highest value that are wanted; null where there is no end. */
export function endsOf(want) {
  if (!want) return [null, null];
  if (want.between) return want.between;
  if ("target" in want) return [want.target - (want.tolerance ?? 0), want.target + (want.tolerance ?? 0)];
  return [want.at_least ?? null, want.at_most ?? null];
}

/** A number without the noise of floating point. */
export const tidy = (value) => Number(value.toPrecision(6));

/** The same ends as a want of another kind; `axis` gives those that are missing. */
export function asKind(kind, [low, high], axis) {
  const [left, right] = [low ?? axis[0], high ?? axis[1]].map(tidy);
  if (kind === "at_least") return { at_least: tidy(low ?? high ?? axis[0]) };
  if (kind === "at_most") return { at_most: tidy(high ?? low ?? axis[1]) };
  if (kind === "between") return { between: [Math.min(left, right), Math.max(left, right)] };
  return { target: tidy((left + right) / 2), tolerance: tidy(Math.abs(right - left) / 2) };
}

/** A want that leaves nothing out, for a rule of which nothing is known yet. */
export function widest(rule) {
  const [low, high] = rule?.range ?? [null, null];
  if (low !== null && high !== null) return { between: [low, high] };
  return high === null ? { at_least: low ?? -1e9 } : { at_most: high };
}

/** The middle half of a histogram as a want, or null where it is empty. */
export function middleHalf({ low, high, left, all }, step) {
  const counts = left.some((count) => count > 0) ? left : all;
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (!total) return null;
  const width = (high - low) / counts.length;
  const at = (share) => {
    let sum = 0;
    const bin = counts.findIndex((count) => (sum += count) >= share * total);
    return low + (bin + 0.5) * width;
  };
  const snap = (value) => tidy(step ? Math.round(value / step) * step : value);
  return { between: [snap(at(0.25)), snap(at(0.75))] };
}
