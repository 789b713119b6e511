// Pictures that were seen, which the service worker keeps for this person (service-worker.js) and shows without a network.
const PICTURES = 'kaif-pictures-'
const RENDITION = /^(small|medium|large|poster|w\d+)$/

/** From now on they are kept for this person, and for nobody else in this browser. */
export async function keepPicturesOf(userId: string): Promise<void> {
  const mine = `${PICTURES}${userId}-`
  const names = await namesOf(PICTURES)
  await Promise.all(names.filter((name) => !name.startsWith(mine)).map((name) => caches.delete(name)))
  if (!names.some((name) => name.startsWith(mine))) await globalThis.caches?.open(`${mine}${Date.now()}`)
}

export async function erasePictures(): Promise<void> {
  await Promise.all((await namesOf(PICTURES)).map((name) => caches.delete(name)))
}

/** The server shows them to this person no more. */
export async function forgetPictures(mediaIds: readonly string[]): Promise<void> {
  for (const name of await namesOf(PICTURES)) {
    const cache = await caches.open(name)
    await Promise.all(mediaIds.map((id) => cache.delete(`/v1/media/${id}`, ALL)))
  }
}

/** Where the service worker answers with what it kept, and the server with nothing. */
export function keptPath(mediaId: string, userId: string, rendition: string): string | undefined {
  if (!RENDITION.test(rendition) || !globalThis.navigator?.serviceWorker?.controller) return undefined
  return `/v1/media/linked/${mediaId}/${userId}.kept/${rendition}`
}

const ALL = { ignoreSearch: true, ignoreVary: true }

/** None where the browser has no such caches, as without TLS. */
async function namesOf(prefix: string): Promise<string[]> {
  const names = (await globalThis.caches?.keys()) ?? []
  return names.filter((name) => name.startsWith(prefix))
}
