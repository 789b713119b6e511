// What a person does on a screen: whether it is still under way, and why it failed.
import { Problem, wordsFor } from './problems'
import { ui } from './ui.svelte'

export class Attempt {
  busy = $state(false)
  /** In the reader's language; empty while nothing has failed. */
  failure = $state('')

  /** Beginning anew forgets the failure before. */
  readonly run = async (act: () => unknown): Promise<void> => {
    this.failure = ''
    await this.#during(act, (words) => (this.failure = words))
  }

  /** For where the screen has no place for a failure: it is said in passing. */
  readonly runOrSay = (act: () => unknown): Promise<void> => this.#during(act, (words) => ui.say(words))

  async #during(act: () => unknown, tell: (words: string) => void): Promise<void> {
    this.busy = true
    try {
      await orTell(act, tell)
    } finally {
      this.busy = false
    }
  }
}

/** What goes wrong is said in passing. */
export function orSay(act: () => unknown): Promise<void> {
  return orTell(act, (words) => ui.say(words))
}

async function orTell(act: () => unknown, tell: (words: string) => void): Promise<void> {
  try {
    await act()
  } catch (error) {
    // Whoever changes their mind when asked who they are has seen no failure.
    if (!(error instanceof Problem && error.code === 'step_up_required')) tell(wordsFor(error))
  }
}
