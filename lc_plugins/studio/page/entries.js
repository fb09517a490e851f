/** Entries of a spec's list of constraints, by their paths, such as `[2, "any", 1]` or `[3, "not"]`. */

const GROUPS = ["any", "all"];
const OF_TOP = ["weight", "require", "label"]; // keys that stay at the outside when an entry is wrapped

/** Which group an entry is, or undefined. */
export const groupOf = (entry) => GROUPS.find((key) => key in entry);

/** The group that holds the entry of a path, or undefined. */
export const holderOf = (path) => GROUPS.find((key) => key === path.at(-2));

export const keyOf = (path) => path.join("-");

/** What holds the entry of a path, and under which index or key. */
export function placeOf(doc, path) {
  let holder = doc.constraints;
  for (const step of path.slice(0, -1)) holder = holder[step];
  return [holder, path.at(-1)];
}

export function entryAt(doc, path) {
  const [holder, place] = placeOf(doc, path);
  return holder[place];
}

/** Move the keys that only an outer entry has from one form of it to another, which is returned. */
export function carry(from, to) {
  for (const key of OF_TOP) {
    if (key in from) to[key] = from[key];
    delete from[key];
  }
  return to;
}

/** Take away the entry of a path; a group that would hold one only is replaced by what it holds. */
export function take(doc, path) {
  const outer = path.at(-1) === "not" ? path.slice(0, -1) : path;
  const [list, place] = placeOf(doc, outer);
  list.splice(place, 1);
  if (outer.length === 1 || list.length !== 1) return;
  const [holder, at] = placeOf(doc, outer.slice(0, -2));
  holder[at] = carry(holder[at], list[0]);
}
