// One sound at a time: what is played is stopped when something else begins.

let playing = null;

export function stopSound() {
  playing?.pause();
  playing = null;
}

/** Play an audio element from its start, instead of whatever plays now. */
export async function playSound(audio) {
  stopSound();
  playing = audio;
  audio.currentTime = 0;
  await audio.play();
}
