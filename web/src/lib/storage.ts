// What fills the store of files, for its operator.
import { api, ok } from './api'
import { peopleNow } from './persons'
import type { Person, StorageReport } from './types'

/** Below this share of the disk somebody should make room. */
export const LITTLE_ROOM = 0.1

export const KIND_ICONS: Record<StorageReport['kinds'][number]['kind'], string> = {
  image: 'media',
  video: 'play',
  audio: 'mic',
  file: 'file',
}

/** With the names of those who have most. */
export async function storageReport(): Promise<{ report: StorageReport; people: Map<string, Person> }> {
  const report = await ok(api.GET('/v1/media/storage'))
  return { report, people: await peopleNow(report.owners.map(({ owner_id }) => owner_id)) }
}

export function isShort({ free, total }: { free: number; total: number }): boolean {
  return free < total * LITTLE_ROOM
}
