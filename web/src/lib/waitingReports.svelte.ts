// How many reports wait for somebody who handles them: counted anew whenever the server says that something is different.
import { api, ok } from './api'
import { may } from './operator'
import { session } from './session.svelte'

const HANDLES = 'messaging.handle_reports'

class WaitingReports {
  count = $state(0)
  #asked = 0

  /** Nobody else asks: they would be refused. Of several answers the one to the newest question counts. */
  async refresh(): Promise<void> {
    const asked = ++this.#asked
    if (!may(session.user, HANDLES)) return void (this.count = 0)
    try {
      const { open } = await ok(api.GET('/v1/messaging/open-reports'))
      if (asked === this.#asked) this.count = open
    } catch {
      // The next news asks again.
    }
  }
}

export const waitingReports = new WaitingReports()
