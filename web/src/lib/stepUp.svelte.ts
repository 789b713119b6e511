// The one place where a person proves again that it is them: requests that need it wait here.

export type Method = 'password' | 'wallet' | 'totp' | 'recovery_code' | 'passkey' | 'service'

class StepUp {
  /** What is asked for, while somebody waits. */
  methods = $state.raw<Method[] | undefined>()
  #waiting: ((done: boolean) => void)[] = []

  /** Whether the person proved it. Everyone who asks meanwhile waits for the same answer. */
  ask(methods: Method[]): Promise<boolean> {
    this.methods ??= methods
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  answer(done: boolean): void {
    this.methods = undefined
    for (const resolve of this.#waiting.splice(0)) resolve(done)
  }
}

export const stepUp = new StepUp()
