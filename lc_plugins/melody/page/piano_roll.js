/**
 * How the studio shows and plays melodies: a piano roll, its notes, and the chords that a spec's rules ask for.
 *
 * @typedef {object} Melody
 * @property {number} steps
 * @property {number} per_beat steps of a beat
 * @property {number} bar steps of a bar
 * @property {[number, number, number][]} notes first step, step after the last, MIDI pitch
 */

const SVG = "http://www.w3.org/2000/svg";
const ROW = 4; // height of a pitch
const STEP = 10; // width of a step
const LOWEST = 55;
const HIGHEST = 90; // with the lowest: holds nearly all melodies, so that pictures can be compared
const BLACK = [1, 3, 6, 8, 10];
const BAR_BEATS = 4;
const MIDDLE = 48; // chords sound below the melody

const LETTERS = { C: 0, D: 2, E: 4, F: 5, G: 7, A: 9, B: 11 };
const CHORDS = {
  "": [0, 4, 7],
  maj: [0, 4, 7],
  m: [0, 3, 7],
  7: [0, 4, 7, 10],
  maj7: [0, 4, 7, 11],
  m7: [0, 3, 7, 10],
  dim: [0, 3, 6],
  dim7: [0, 3, 6, 9],
  m7b5: [0, 3, 6, 10],
  aug: [0, 4, 8],
  sus2: [0, 2, 7],
  sus4: [0, 5, 7],
  6: [0, 4, 7, 9],
  m6: [0, 3, 7, 9],
  9: [0, 2, 4, 7, 10],
};

function part(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

/** The lowest and highest pitch to draw: the usual ones, and more octaves where notes need them. */
function pitchRange(notes) {
  let [low, high] = [LOWEST, HIGHEST];
  for (const [, , pitch] of notes) {
    while (pitch < low) low -= 12;
    while (pitch > high) high += 12;
  }
  return [low, high];
}

/** Draw the notes; without `grid` nothing else. */
function roll(data, label, [low, high], grid) {
  const [width, height] = [data.steps * STEP, (high - low + 1) * ROW];
  const root = part("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", class: "roll" });
  if (label)
    for (const [key, value] of [
      ["role", "img"],
      ["aria-label", label],
    ])
      root.setAttribute(key, value);
  else root.setAttribute("aria-hidden", "true");
  const box = (x, y, w, h, more) => root.append(part("rect", { x, y, width: w, height: h, ...more }));
  const top = (pitch) => (high - pitch) * ROW;
  if (grid) {
    for (let pitch = low; pitch <= high; pitch += 1) {
      if (BLACK.includes(pitch % 12)) box(0, top(pitch), width, ROW, { fill: "currentColor", "fill-opacity": 0.06 });
      if (pitch % 12 === 0) box(0, top(pitch) + ROW - 0.4, width, 0.4, { fill: "currentColor", "fill-opacity": 0.35 });
    }
    for (let step = 0; step < data.steps; step += data.per_beat) {
      const bar = step % data.bar === 0;
      box(step * STEP, 0, bar ? 1.2 : 0.6, height, { fill: "currentColor", "fill-opacity": bar ? 0.45 : 0.15 });
    }
  }
  for (const [start, end, pitch] of data.notes) {
    const x = start * STEP + 0.8;
    box(x, top(pitch), (end - start) * STEP - 1.2, ROW, { fill: "var(--accent, #2a6fc9)", rx: 0.8 });
    box(x, top(pitch), 2.4, ROW, { fill: "currentColor", "fill-opacity": 0.55 });
  }
  return root;
}

/** Draw a melody. @param {Melody} data */
export const draw = (data, { label }) => roll(data, label, pitchRange(data.notes), true);

/** Draw a thumbnail: its own pitches only, no grid. @param {Melody} data */
export function small(data) {
  const pitches = data.notes.map(([, , pitch]) => pitch);
  return roll(data, "", pitches.length ? [Math.min(...pitches) - 1, Math.max(...pitches) + 1] : [60, 71], false);
}

/** What is to be played, in beats. @param {Melody} data */
export function notes(data) {
  const beats = (steps) => steps / data.per_beat;
  return {
    beats: beats(data.steps),
    bar: beats(data.bar),
    notes: data.notes.map(([start, end, pitch]) => ({ at: beats(start), length: beats(end - start), pitch })),
  };
}

/** The pitch class of a name such as `F#`. */
const pitchClass = (name) => (LETTERS[name[0]] + ({ "#": 1, b: -1 }[name[1]] ?? 0) + 12) % 12;

/** The pitches of a chord such as `Bbmaj7`, or none if the name is no chord. */
function pitches(name) {
  const [, root, kind] = /^([A-G][#b]?)(.*)$/.exec(name) ?? [];
  if (!(kind in CHORDS)) return [];
  return CHORDS[kind].map((above) => MIDDLE + pitchClass(root) + above);
}

/** All rules that have to hold: of the list, and of its groups that want all. */
const required = (entries) => entries.flatMap((entry) => (entry.all ? required(entry.all) : [entry]));

/** What the rules of a spec say of harmony: a chord for each bar, in beats; else the scale's tonic and fifth. */
export function chords(doc) {
  const rules = required(doc.constraints ?? []);
  const chorded = rules.find((one) => one.use === "melody.chord_fit" && one.require !== false);
  if (chorded) {
    const names = chorded.params?.chords ?? [];
    return names.map((name, bar) => ({ at: bar * BAR_BEATS, length: BAR_BEATS, pitches: pitches(String(name)) }));
  }
  const scale = rules.find((one) => one.use === "melody.in_scale" && one.require !== false);
  if (!scale || scale.params?.pitch_classes) return [];
  const tonic = scale.params?.tonic ?? "C";
  const root = MIDDLE + (typeof tonic === "number" ? tonic : pitchClass(tonic));
  return [{ at: 0, length: BAR_BEATS, pitches: [root, root + 7] }];
}
