// Where somebody was going when they had to make an account first. It is for this tab alone, and for the one page of
// ours that other sites send people to.
import { navigate } from '../router'

const STORAGE_KEY = 'kaif.returning'
const PAGE = '/oauth/authorize?'

export function comeBackHere(): void {
  sessionStorage.setItem(STORAGE_KEY, location.pathname + location.search)
}

/** After a sign-in: back to where somebody was going, or to the chats. */
export async function goOn(): Promise<void> {
  const place = sessionStorage.getItem(STORAGE_KEY)
  sessionStorage.removeItem(STORAGE_KEY)
  if (place?.startsWith(PAGE)) location.replace(place)
  else await navigate('/', { replace: true })
}
