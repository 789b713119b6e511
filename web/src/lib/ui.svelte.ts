// What floats above the screens: one dialog and one toast at a time.
export type DialogName = 'new-chat' | 'new-group' | 'new-channel' | 'members' | 'folders' | 'keys' | 'palette'

class Ui {
  dialog = $state<DialogName>()
  toast = $state<{ text: string; id: number }>()
  /** The menu of a chat's row in the list, where it was asked for. */
  rowMenu = $state.raw<{ chatId: string; x: number; y: number }>()

  /** The draft of the composer that is there, by its key. */
  composing = $state<string>()
  /** Grows when somebody has chosen to answer: the composer takes the focus. */
  answering = $state(0)

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
