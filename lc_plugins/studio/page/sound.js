/** Plays notes in the browser: voices, metronome, chords. */

/** Harmonics, times in seconds, and how loud a held note stays, by voice. */
const VOICES = {
  piano: { parts: [1, 0.45, 0.22, 0.12, 0.06, 0.03], attack: 0.004, decay: 0.5, hold: 0.15, release: 0.12 },
  flute: { parts: [1, 0.18, 0.06], attack: 0.05, decay: 0.1, hold: 0.85, release: 0.1 },
  strings: { parts: [1, 0.5, 0.34, 0.25, 0.2, 0.16, 0.14], attack: 0.07, decay: 0.2, hold: 0.75, release: 0.18 },
  pluck: { parts: [1, 0.7, 0.45, 0.3, 0.2, 0.14, 0.1, 0.07], attack: 0.002, decay: 0.22, hold: 0.02, release: 0.08 },
  organ: { parts: [0.8, 0.6, 0, 0.4, 0, 0, 0, 0.25], attack: 0.012, decay: 0.05, hold: 0.9, release: 0.05 },
};
const SOON = 0.06; // seconds from a press to the first note
const AHEAD = 0.5; // seconds before its end that the next pass is prepared

/**
 * @typedef {object} Score
 * @property {number} beats
 * @property {number} bar beats of a bar
 * @property {{at: number, length: number, pitch: number}[]} notes
 * @property {{at: number, length: number, pitches: number[]}[]} chords
 */

export class Player {
  /** @param {() => object} settings of sound, as they are now */
  constructor(settings) {
    Object.assign(this, { settings, context: null, playing: null, listeners: [], waves: new Map() });
  }

  /** Whether the output of a key is heard. */
  plays(key) {
    return this.playing !== null && this.playing.key === key;
  }

  /** The beat that is heard now, or null. */
  get beat() {
    if (!this.playing) return null;
    const { from, since, speed, score } = this.playing;
    return (from + Math.max(0, this.context.currentTime - since) * speed) % score.beats;
  }

  /** Play from a beat on. @param {Score} score */
  play(key, score, from = 0) {
    this.context ??= new AudioContext();
    this.context.resume();
    this.silence();
    const speed = this.settings().tempo / 60;
    const since = this.context.currentTime + SOON;
    this.playing = { key, score, from, since, speed, gain: this.output(), timer: null };
    this.pass(since - from / speed, from);
    this.tell();
  }

  stop() {
    this.silence();
    this.tell();
  }

  /** Take over changed settings without a break. */
  again(score = this.playing?.score, key = this.playing?.key) {
    if (this.playing) this.play(key, score, this.beat);
  }

  get loud() {
    return this.settings().volume ** 2;
  }

  volume() {
    if (this.playing) this.playing.gain.gain.setTargetAtTime(this.loud, this.context.currentTime, 0.02);
  }

  output() {
    const gain = new GainNode(this.context, { gain: this.loud });
    gain.connect(this.context.destination);
    return gain;
  }

  silence() {
    if (!this.playing) return;
    const { gain, timer } = this.playing;
    clearTimeout(timer);
    gain.gain.setTargetAtTime(0, this.context.currentTime, 0.015);
    setTimeout(() => gain.disconnect(), 150);
    this.playing = null;
  }

  /** Hand a whole pass to the browser's clock; its first beat is, or was, at `start`. */
  pass(start, from) {
    const { score, speed } = this.playing;
    const { metronome, chords, instrument, loop } = this.settings();
    const time = (beat) => start + beat / speed;
    for (const { at, length, pitch } of score.notes) {
      if (at >= from) this.note(VOICES[instrument], pitch, time(at), length / speed, 0.32);
    }
    if (chords) for (const one of harmony(score)) this.chord(one, time, from, speed);
    for (let beat = Math.ceil(from); metronome && beat < score.beats; beat += 1)
      this.click(time(beat), beat % score.bar === 0);
    const end = time(score.beats);
    const wait = end - this.context.currentTime - (loop ? AHEAD : -0.2);
    this.playing.timer = setTimeout(() => (loop ? this.pass(end, 0) : this.stop()), 1000 * Math.max(0, wait));
  }

  chord({ at, length, pitches }, time, from, speed) {
    if (at + length <= from) return;
    const start = Math.max(at, from);
    for (const pitch of pitches) this.note(VOICES.organ, pitch, time(start), (at + length - start) / speed, 0.07);
  }

  wave(parts) {
    if (!this.waves.has(parts)) {
      const imag = new Float32Array([0, ...parts]);
      this.waves.set(parts, this.context.createPeriodicWave(new Float32Array(imag.length), imag));
    }
    return this.waves.get(parts);
  }

  note({ parts, attack, decay, hold, release }, pitch, start, length, loud) {
    const tone = new OscillatorNode(this.context, { frequency: 440 * 2 ** ((pitch - 69) / 12) });
    tone.setPeriodicWave(this.wave(parts));
    const gain = new GainNode(this.context, { gain: 0 });
    const end = start + Math.max(length, attack);
    gain.gain.setValueAtTime(0, start);
    gain.gain.linearRampToValueAtTime(loud, start + attack);
    gain.gain.setTargetAtTime(loud * hold, start + attack, decay);
    gain.gain.setTargetAtTime(0, end, release / 3);
    tone.connect(gain).connect(this.playing.gain);
    tone.start(start);
    tone.stop(end + 2 * release);
  }

  click(start, first) {
    this.note({ parts: [1], attack: 0.001, decay: 0.012, hold: 0, release: 0.02 }, first ? 96 : 89, start, 0.03, 0.2);
  }

  /** Call a function whenever playing begins or ends. */
  listen(listener) {
    this.listeners.push(listener);
  }

  tell() {
    for (const listener of this.listeners) listener();
  }
}

/** The chords of a score over all of its beats: from the first again where there are more bars. */
function harmony({ chords, beats }) {
  const cycle = chords.reduce((end, one) => Math.max(end, one.at + one.length), 0);
  const all = [];
  for (let start = 0; cycle > 0 && start < beats; start += cycle) {
    for (const one of chords) {
      const at = start + one.at;
      if (at < beats) all.push({ ...one, at, length: Math.min(one.length, beats - at) });
    }
  }
  return all;
}
