/** Every word that the page says. A translation is a copy of this file. */

const NAMES = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"];

/** A number as people write it: four digits at most, no zeros at the end. */
export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "undefined";
  if (!Number.isFinite(value)) return value > 0 ? "no end" : "no start";
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(1);
  return Number(value.toPrecision(4)).toLocaleString("en", { maximumFractionDigits: 4 });
}

const pitch = (midi) => `${NAMES[midi % 12]}${Math.floor(midi / 12) - 1}`;
const unit = (name) => (name && name !== "0 or 1" ? ` ${name}` : "");

/** What is wanted of a value, in words. */
export function wanted(want, name = "") {
  if (!want) return "anything";
  if (want.between) return `between ${number(want.between[0])} and ${number(want.between[1])}${unit(name)}`;
  if (want.at_least !== undefined) return `at least ${number(want.at_least)}${unit(name)}`;
  if (want.at_most !== undefined) return `at most ${number(want.at_most)}${unit(name)}`;
  return `${number(want.target)} ± ${number(want.tolerance ?? 0)}${unit(name)}`;
}

export const T = {
  brand: "lc studio",
  skipRules: "Go to the rules",
  skipAnswers: "Go to the answers",
  skipSpec: "Go to the spec",
  model: "Model",
  base: "Begin with",
  bases: { prior: "prior samples", data: "what is like the data" },
  undo: "Undo",
  redo: "Redo",
  newPage: "New page",
  again: (name, count) => `${name} (${count})`,
  theme: "Colours",
  themes: { auto: "as the system", light: "light", dark: "dark" },
  loading: "The model is being loaded. You can set rules now.",
  ready: "Ready.",
  lost: "The studio's server does not answer. Trying again every two seconds.",
  noToken: "This address has no token. Open the address that `lc studio` printed.",
  oldToken: "The studio was started anew, with another token. Open the address that it printed.",
  failed: (message, hint) => (hint ? `${message} ${hint}` : message),

  rules: "Rules",
  noRules: "No rule yet: the answers are what the model makes by itself. Add one below.",
  add: "Add a rule",
  find: "Find a rule",
  noneFound: "No rule has these letters.",
  addRule: (rule) => `Add the rule ${rule.title}`,
  remove: "Remove",
  removeRule: (title) => `Remove the rule ${title}`,
  more: "Help and more",
  moreOf: (title) => `Help and more: ${title}`,
  not: "Not: the opposite is wanted",
  notShort: "not",
  preference: "A preference: it guides, and decides nothing",
  preferenceShort: "preference",
  weight: "Weight",
  label: "Name in tables",
  or: "Or another rule",
  orAdd: "Add to this group",
  choose: "Choose a rule",
  up: "Move up",
  down: "Move down",
  of: (action, title) => `${action}: ${title}`,
  any: "Any of these",
  all: "All of these",
  group: "Wanted of this group",
  unknown: (use) => `${use} is not installed, so it has no controls here.`,
  short: (text) => text.split(" (")[0], // a rate without its interval
  alone: (text) => `${text} alone`,
  together: (text) => `Rules together: ${text}`,
  nothingLeft: "Nothing is left",
  advice: (text) => `Would help: ${text}`,
  legend: "Grey: all outputs of the model. Blue: those that meet the other rules. The frame: what is wanted.",
  hints: "Space plays and stops. Ctrl+Z takes a move back, Ctrl+Shift+Z makes it again.",
  undefinedWhere: (where) => `Undefined where: ${where}.`,

  want: "Wanted",
  kinds: { at_least: "at least", at_most: "at most", between: "between", target: "near" },
  ends: {
    at_least: ["at least"],
    at_most: ["at most"],
    between: ["lowest", "highest"],
    target: ["value", "give or take"],
  },
  edges: { low: "lower end", high: "upper end" },
  yes: "yes",
  no: "no",
  reach: (span) => `${span.text}.`,
  shareYes: (share) => `${number(100 * share)} % of what is left under the other rules: yes.`,
  noReach: "No sample meets the other rules.",
  fewReach: (count) => `${number(count)} ${count === 1 ? "sample meets" : "samples meet"} the other rules, where the blue bars are.`,
  toldSoon: "How the outputs are spread comes with the model.",
  valueText: (value, name) => `${number(value)}${unit(name)}`,
  setting: {
    set: "set",
    item: (n) => `${n}`,
    addItem: "Add one",
    removeItem: (n) => `Remove number ${n}`,
    json: "as JSON",
  },
  keys: NAMES,
  on: "on",

  answers: "Answers",
  plan: "Plan",
  stopAsking: "Stop asking",
  stopped: "Stopped: these are the answers that had come.",
  asking: "Asking the model …",
  waiting: "Waiting for the model …",
  tried: (count) => `${number(count)} tries so far …`,
  mistakes: "The spec has mistakes, so nothing is asked. They stand beside it.",
  noAnswers: "The answers come here, as they are made.",
  like: (name) => `These are like ${name}, under the same rules. Undo brings the others back.`,
  answer: (number) => `Answer ${number}`,
  earlier: "from before",
  by: {
    exact: "exact",
    sampler: "sampler",
    gradient: "gradient",
    rejection: "drawn",
    edit: "edit",
    near: "near",
  },
  heard: (notes) => {
    if (!notes.length) return "no notes";
    const pitches = notes.map((one) => one.pitch);
    const range = `from ${pitch(Math.min(...pitches))} to ${pitch(Math.max(...pitches))}`;
    return `${notes.length} note${notes.length === 1 ? "" : "s"}, ${range}`;
  },
  picture: (label, words) => (words ? `${label}: ${words}` : label),
  rule: "Rule",
  value: "Value",
  wantedOf: "Wanted",
  met: "Met",
  wantedShort: (text) => text.replace("at least ", "≥ ").replace("at most ", "≤ ").replace(" to ", " – "),
  labelled: (label) => label.replaceAll("_", " "),
  noValue: "–",
  isMet: "met",
  notMet: "not met",
  play: "Play",
  stop: "Stop",
  playOf: (name) => `Play ${name}`,
  stopOf: (name) => `Stop ${name}`,
  star: (name) => `Star ${name}`,
  nearOf: (name) => `More like ${name}`,
  near: "More like this",
  slot: (slot, name) => `Compare ${name} as ${slot}`,
  save: (file, name) => `Save ${name} as ${file}`,
  fileName: (name, suffix) => `${name.toLowerCase().replaceAll(" ", "-")}${suffix}`,
  seed: "Other answers",

  compare: "Compare",
  slots: { a: "A", b: "B" },
  emptySlot: (slot) => `Choose ${slot} under an answer.`,
  endCompare: "End the comparison",

  sound: "Sound",
  loop: "Loop",
  tempo: "Tempo",
  bpm: (tempo) => `${tempo} bpm`,
  volume: "Volume",
  percent: (share) => `${Math.round(100 * share)} %`,
  instrument: "Instrument",
  instruments: { piano: "Piano", flute: "Flute", strings: "Strings", pluck: "Plucked string", organ: "Organ" },
  metronome: "Metronome",
  chords: "Chords",
  onOff: (name, on) => `${name} ${on ? "on" : "off"}`,
  space: "Space plays and stops.",

  start: "Start from a file",
  startHelp: "or drop it on the page",
  startsFrom: (name) => `Starts from ${name}`,
  part: "Part of the file",
  partOf: (n, all) => `${n} of ${all}`,
  endStart: "Leave the file",
  dropHere: "Let go to start from this file",
  uploading: (name) => `Reading ${name} …`,
  wrongKind: (suffixes) => `The model reads files that end with ${suffixes.join(", ")}.`,
  tooLarge: "A file may have 8 MB at most.",

  tabs: { spec: "Spec", history: "History", starred: "Starred" },
  views: "Spec, history and starred answers",
  yaml: "The spec as YAML",
  yamlHelp: "It follows the controls, and they follow it.",
  problem: (one) => `Line ${one.line}, column ${one.column}: ${one.message}`,
  goTo: "Go to this place",
  noProblems: "No mistakes.",
  saveSpec: "Save the spec",
  run: "Run it as lc sample does",
  running: "Running …",
  runDone: (folder) => `The run's folder: ${folder}`,
  report: "Open its report",

  history: "History of moves",
  moves: {
    start: "Start",
    added: (title) => `${title} added`,
    removed: (title) => `${title} removed`,
    wanted: (title, text) => `${title}: ${text}`,
    setting: (title, name) => `${title}: ${name}`,
    not: (title, on) => (on ? `not ${title}` : `${title} again, without not`),
    preference: (title, on) => (on ? `${title} only preferred` : `${title} required`),
    weight: (title) => `${title}: weight`,
    label: (title) => `${title}: name`,
    moved: (title) => `${title} moved`,
    or: (title) => `or ${title}`,
    group: (any) => (any ? "any of a group" : "all of a group"),
    base: "Other beginning",
    model: (name) => `Model ${name}`,
    yaml: "Spec edited",
    seed: "Other answers",
    starred: (name, on) => (on ? `${name} starred` : `${name} no longer starred`),
    near: (name) => `More like ${name}`,
    compare: (slot, name) => `${slot} is ${name}`,
    endCompare: "Comparison ended",
    from: (name) => `Start from ${name}`,
    part: (n) => `Part ${n} of the file`,
    endFrom: "File left",
    sound: (name) => `Sound: ${name}`,
  },

  starred: "Starred answers",
  noneStarred: "None yet. The star of an answer keeps it here.",
  zip: "Save all starred as a zip file",
};
