// What floats above the screens: one dialog and one toast at a time.
export type DialogName = 'new-chat' | 'new-group' | 'new-channel' | 'members' | 'folders' | 'keys' | 'palette'

class Ui {
  dialog = $state<DialogName>()
  toast = $state<{ text: string; id: number }>()
  /** The message that the composer answers, per chat. */
  replyTo = $state<{ chatId: string; seq: number }>()

  /** The chat or topic (its `draftKey`) beside whose log all that was sent in it is shown. */
  shared = $state<string>()

  open(dialog: DialogName): void {
    this.dialog = dialog
  }

  close(): void {
    this.dialog = undefined
  }

  /** How much of the window's lower edge the composer takes: what is said in passing stands above it. */
  composerPx = $state(0)

  say(text: string): void {
    this.toast = { text, id: (this.toast?.id ?? 0) + 1 }
  }
}

export const ui = new Ui()
