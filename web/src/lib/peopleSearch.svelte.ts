// What the operator looks for among people: kept while they open one of them and come back.
export interface PeopleSearch {
  query: string
  state: '' | 'suspended' | 'unconfirmed'
  role: string
}

export const peopleSearch = $state<PeopleSearch>({ query: '', state: '', role: '' })

/** As the server wants it. */
export function wantedPeople({ query, state, role }: PeopleSearch) {
  return {
    query: query.trim(),
    ...(state === 'suspended' ? { suspended: true } : {}),
    ...(state === 'unconfirmed' ? { email_confirmed: false } : {}),
    ...(role ? { role } : {}),
  }
}
