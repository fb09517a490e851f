/** What the user has made: moves that can be undone, and what of them is kept. */

const MOST_MOVES = 200;
const MOST_BYTES = 900_000; // the server keeps 1 MB

/**
 * What one move leaves.
 *
 * @typedef {object} Now
 * @property {object} doc the spec
 * @property {?{key: string, name: string}} source the file that answers start from
 * @property {?{key: string, name: string}} near the answer that others are to be like
 * @property {string[]} stars keys of starred answers
 * @property {?string} a the first of two that are compared
 * @property {?string} b the second
 * @property {object} sound
 */

export const SOUND = { tempo: 100, volume: 0.7, instrument: "piano", loop: true, metronome: false, chords: false };

/** The beginning: a spec and nothing else. @returns {Now} */
export const blank = (doc) => ({ doc, source: null, near: null, stars: [], a: null, b: null, sound: { ...SOUND } });

/** The name of a spec's model. */
export const modelOf = ({ model }) => model?.use ?? model;

export const clone = (value) => structuredClone(value);
export const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/**
 * Leave out of a move what another start of the server knows no more: outputs that were not starred.
 *
 * @param {{now: Now, first: ?object}} move
 * @param {boolean} drawn whether outputs are drawn from data that the page has
 */
export function loseOutputs(move, drawn) {
  const { now } = move;
  const gone = (key) => key && !now.stars.includes(key);
  if (gone(now.near?.key)) now.near = null;
  if (gone(now.source?.key)) now.source = null;
  if (drawn) return;
  if (gone(move.first?.key)) move.first = null;
  for (const slot of ["a", "b"]) if (gone(now[slot])) now[slot] = null;
}

/** A list of moves and a place in it. */
export class Moves {
  /** @param {{label: string, now: Now, first: ?object}[]} list `first` is an answer, the move's picture */
  constructor(list, at = list.length - 1) {
    this.list = list;
    this.at = at;
  }

  get current() {
    return this.list[this.at];
  }

  /** Add a move after the current one; those that were undone are gone. */
  add(label, now) {
    this.list.splice(this.at + 1);
    this.list.push({ label, now: clone(now), first: null });
    if (this.list.length > MOST_MOVES) this.list.shift();
    this.at = this.list.length - 1;
  }

  /** Go to a move. Return whether there is one. */
  go(index) {
    if (index < 0 || index >= this.list.length) return false;
    this.at = index;
    return true;
  }

  /** What is kept of the moves; the oldest are left out where they would be too large. */
  kept(answers) {
    let from = 0;
    const state = () => ({ form: 1, at: this.at - from, moves: this.list.slice(from), answers });
    while (from < this.at && JSON.stringify(state()).length > MOST_BYTES) from += 1;
    return state();
  }
}
