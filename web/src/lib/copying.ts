// Texts that leave the page: to the clipboard, or as a file.
import { t, type Key } from './i18n.svelte'
import { ui } from './ui.svelte'

export async function copy(text: string, said: Key): Promise<void> {
  try {
    await navigator.clipboard.writeText(text)
    ui.say(t(said))
  } catch {
    ui.say(t('app.copy_failed'))
  }
}

export function download(name: string, text: string): void {
  downloadBlob(name, new Blob([text], { type: 'text/plain;charset=utf-8' }))
}

export function downloadBlob(name: string, blob: Blob): void {
  const url = URL.createObjectURL(blob)
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  URL.revokeObjectURL(url)
}
