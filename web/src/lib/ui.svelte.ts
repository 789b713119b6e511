// What floats above the screens: one dialog and one toast at a time.
export type DialogName = 'new-chat' | 'new-group' | 'new-channel' | 'members' | 'folders' | 'keys' | 'palette'

class Ui {
  dialog = $state<DialogName>()
  toast = $state<{ text: string; id: number }>()
  /** The message that the composer answers, per chat. */
  replyTo = $state<{ chatId: string; seq: number }>()

  /** The chat beside whose log all that was sent in it is shown. */
  shared = $state<string>()

  open(dialog: DialogName): void {
    this.dialog = dialog
  }

  close(): void {
    this.dialog = undefined
  }

  say(text: string): void {
    this.toast = { text, id: (this.toast?.id ?? 0) + 1 }
  }
}

export const ui = new Ui()
