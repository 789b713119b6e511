// Where somebody was going when they had to make an account first. It is for this tab alone, and for those pages of
// ours that people come to from elsewhere.
import { navigate } from '../router'

const STORAGE_KEY = 'kaif.returning'
const PAGES = ['/oauth/authorize?', '/join#', '/join/']

export function comeBackHere(): void {
  sessionStorage.setItem(STORAGE_KEY, location.pathname + location.search + location.hash)
}

/** After a sign-in: back to where somebody was going, or to the chats. */
export async function goOn(): Promise<void> {
  const place = sessionStorage.getItem(STORAGE_KEY)
  sessionStorage.removeItem(STORAGE_KEY)
  if (place && PAGES.some((page) => place.startsWith(page))) location.replace(place)
  else await navigate('/', { replace: true })
}
