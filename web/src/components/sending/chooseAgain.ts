// A file that the browser could not keep over a reload is chosen once more; then its upload goes on where it was.
import { t } from '../../lib/i18n.svelte'
import { ui } from '../../lib/ui.svelte'
import { uploads, type Upload } from '../../lib/uploads.svelte'

export function chooseAgain({ id, name }: Upload): void {
  const input = document.createElement('input')
  input.type = 'file'
  input.onchange = () => {
    const file = input.files?.[0]
    if (file && !uploads.give(id, file)) ui.say(t('sending.another_file', { name }))
  }
  input.click()
}
