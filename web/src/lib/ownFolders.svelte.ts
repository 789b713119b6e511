// The person's folders, the same on all of their devices.
import { api, ok } from './api'
import type { Folder } from './types'

class OwnFolders {
  list = $state.raw<readonly Folder[]>([])
  /** Grows with what is heard, so that an answer that was asked for before does not undo it. */
  #heard = 0

  async sync(): Promise<void> {
    const heard = this.#heard
    const { folders } = await ok(api.GET('/v1/messaging/folders'))
    if (heard === this.#heard) this.hear(folders)
  }

  /** Arranged here or on another device. */
  hear(folders: readonly Folder[]): void {
    this.#heard += 1
    this.list = folders
  }

  async arrange(folders: readonly Folder[]): Promise<void> {
    this.hear((await ok(api.POST('/v1/messaging/folders', { body: { folders: [...folders] } }))).folders)
  }

  clear(): void {
    this.hear([])
  }
}

export const ownFolders = new OwnFolders()
