// The short sound of a message that comes while one looks elsewhere: two notes, made here.
const NOTES_HZ = [659.25, 880]
const NOTE_S = 0.14
const LOUDNESS = 0.12

let context: AudioContext | undefined

/** Silent where the browser lets no page be heard with which nobody has done anything yet. */
export async function chime(): Promise<void> {
  context ??= new AudioContext()
  if (context.state === 'suspended') await context.resume()
  const { currentTime, destination } = context
  NOTES_HZ.forEach((frequency, index) => {
    const [from, until] = [currentTime + index * NOTE_S * 0.7, currentTime + (index + 2) * NOTE_S]
    const gain = new GainNode(context!, { gain: 0 })
    gain.gain.setValueAtTime(0, from)
    gain.gain.linearRampToValueAtTime(LOUDNESS, from + 0.012)
    gain.gain.exponentialRampToValueAtTime(0.0001, until)
    const note = new OscillatorNode(context!, { type: 'sine', frequency })
    note.connect(gain).connect(destination)
    note.start(from)
    note.stop(until)
  })
}
