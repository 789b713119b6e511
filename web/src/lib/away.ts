/** Whether nobody looks at this window: it is hidden, or another one is being used. */
export function isAway(): boolean {
  return document.visibilityState !== 'visible' || !document.hasFocus()
}
