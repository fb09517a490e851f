/** Playing from the page: the bar with the controls of sound, and the line that shows what is heard. */

import { button, check, choice, el, icon } from "./html.js";
import { T } from "./text.js";

/** Show on all buttons whether they play or stop. */
export function markPlaying(app) {
  for (const one of document.querySelectorAll("[data-play]")) {
    const on = app.player.plays(one.dataset.play);
    one.replaceChildren(icon(on ? "stop" : "play"));
    one.setAttribute("aria-label", on ? T.stopOf(one.dataset.name) : T.playOf(one.dataset.name));
    one.title = one.getAttribute("aria-label");
  }
  const main = document.getElementById("play");
  if (!main) return;
  main.replaceChildren(icon(app.player.playing ? "stop" : "play"));
  main.setAttribute("aria-label", app.player.playing ? T.stop : T.play);
}

/** Move the line that shows what is heard, as long as the page is open. */
export function followPlaying(app) {
  const beat = app.player.beat;
  for (const line of document.querySelectorAll(".now")) {
    if (beat === null || !app.player.plays(line.parentElement.dataset.key)) line.remove();
  }
  if (beat !== null) {
    const { key, score } = app.player.playing;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    for (const view of document.querySelectorAll(`.view[data-key="${key}"]`)) {
      const line = view.querySelector(".now") ?? view.appendChild(el("div", { class: "now" }));
      line.style.left = `${(100 * (calm ? Math.floor(beat) : beat)) / score.beats}%`;
    }
  }
  requestAnimationFrame(() => followPlaying(app));
}

/** The bar with play, loop, tempo, volume, instrument, metronome and chords. */
export function soundBar(app) {
  const { sound } = app.now;
  const set = (key, value, name) => {
    app.edit(T.moves.sound(name), (now) => (now.sound[key] = value));
    app.player.again();
  };
  const onOff = (key, text) => check(text, sound[key], (on) => set(key, on, T.onOff(text, on)), { id: `sound-${key}` });
  const slider = (key, text, min, max, step, words) => {
    const output = el("output", {}, words(sound[key]));
    const said = words(sound[key]);
    const input = el("input", {
      type: "range",
      id: `sound-${key}`,
      min,
      max,
      step,
      value: sound[key],
      "aria-valuetext": said,
    });
    input.addEventListener("input", () => {
      app.now.sound[key] = Number(input.value);
      output.textContent = words(Number(input.value));
      input.setAttribute("aria-valuetext", output.textContent);
      if (key === "volume") app.player.volume();
    });
    input.addEventListener("change", () => {
      app.commit(T.moves.sound(words(Number(input.value))));
      if (key !== "volume") app.player.again();
    });
    return el("label", { class: "slide" }, el("span", {}, text), input, output);
  };
  const playing = Boolean(app.player.playing);
  const instruments = Object.entries(T.instruments);
  const instrument = (name) => set("instrument", name, T.instruments[name]);
  return [
    button(icon(playing ? "stop" : "play"), () => app.toggle(), {
      id: "play",
      class: "round",
      label: playing ? T.stop : T.play,
      title: T.space,
      disabled: !app.playable,
    }),
    onOff("loop", T.loop),
    onOff("metronome", T.metronome),
    onOff("chords", T.chords),
    slider("tempo", T.tempo, 40, 220, 1, T.bpm),
    slider("volume", T.volume, 0, 1, 0.01, T.percent),
    choice(T.instrument, instruments, sound.instrument, instrument, { id: "sound-instrument" }),
  ];
}
