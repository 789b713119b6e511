// Pictures that were seen, which the service worker keeps for this person (service-worker.js) and shows without a network.
const PICTURES = 'kaif-pictures-'
const PICTURES_LOCK = 'kaif-pictures'
const RENDITION = /^(small|medium|large|poster|w\d+)$/

/** From now on they are kept for this person, and for nobody else in this browser. */
export function keepPicturesOf(userId: string): Promise<void> {
  const mine = `${PICTURES}${userId}-`
  return alone(async () => {
    const names = await namesOf(PICTURES)
    await Promise.all(names.filter((name) => !name.startsWith(mine)).map((name) => caches.delete(name)))
    if (!names.some((name) => name.startsWith(mine))) await globalThis.caches?.open(`${mine}${Date.now()}`)
  })
}

export function erasePictures(): Promise<void> {
  return alone(async () => {
    await Promise.all((await namesOf(PICTURES)).map((name) => caches.delete(name)))
  })
}

/** The server shows them to this person no more. */
export function forgetPictures(mediaIds: readonly string[]): Promise<void> {
  return alone(async () => {
    for (const name of await namesOf(PICTURES)) {
      const cache = await caches.open(name)
      await Promise.all(mediaIds.map((id) => cache.delete(`/v1/media/${id}`, ALL)))
    }
  })
}

/** Where the service worker answers with what it kept, and the server with nothing. */
export function keptPath(mediaId: string, userId: string, rendition: string): string | undefined {
  if (!RENDITION.test(rendition) || !globalThis.navigator?.serviceWorker?.controller) return undefined
  return `/v1/media/linked/${mediaId}/${userId}.kept/${rendition}`
}

/** Never while the service worker puts something away: to open a cache that was just dropped is to make it anew. */
async function alone(work: () => Promise<void>): Promise<void> {
  if (globalThis.navigator?.locks) await navigator.locks.request(PICTURES_LOCK, work)
  else await work()
}

const ALL = { ignoreSearch: true, ignoreVary: true }

/** None where the browser has no such caches, as without TLS. */
async function namesOf(prefix: string): Promise<string[]> {
  const names = (await globalThis.caches?.keys()) ?? []
  return names.filter((name) => name.startsWith(prefix))
}
