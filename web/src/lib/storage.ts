// What fills the store of files, for its operator.
import { api, ok } from './api'
import { meet } from './people.svelte'
import { personNow } from './persons'
import type { Person, StorageReport } from './types'

/** Below this share of the disk somebody should make room. */
export const LITTLE_ROOM = 0.1

export const KIND_ICONS: Record<StorageReport['kinds'][number]['kind'], string> = {
  image: 'media',
  video: 'play',
  audio: 'mic',
  file: 'file',
}

/** With the names of those who have most: of whoever can't be asked about, there is none. */
export async function storageReport(): Promise<{ report: StorageReport; people: Map<string, Person> }> {
  const report = await ok(api.GET('/v1/media/storage'))
  const asked = report.owners.map(({ owner_id }) => personNow(owner_id))
  const known = (await Promise.allSettled(asked)).flatMap((one) =>
    one.status === 'fulfilled' ? [one.value] : [],
  )
  meet(known)
  return { report, people: new Map(known.map((person) => [person.id, person])) }
}

export function isShort({ free, total }: { free: number; total: number }): boolean {
  return free < total * LITTLE_ROOM
}
