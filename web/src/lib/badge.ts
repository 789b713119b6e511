// The number at the app's icon, as the server counts it for all devices.
import { api, ok } from './api'
import { setBadge } from './notifications'

/** What comes together is counted once. */
const GATHER_MS = 1000

let asked = 0
let timer: ReturnType<typeof setTimeout> | undefined

/** Something that is unread is different. Without an answer the number stays as it was. */
export function countSoon(): void {
  clearTimeout(timer)
  timer = setTimeout(() => void count().catch(() => {}), GATHER_MS)
}

export function stopCounting(): void {
  clearTimeout(timer)
  asked += 1
}

async function count(): Promise<void> {
  // Whoever comes back asks again.
  if (!navigator.onLine) return
  const mine = (asked += 1)
  const { unread } = await ok(api.GET('/v1/messaging/unread'))
  if (mine === asked) await setBadge(unread)
}
