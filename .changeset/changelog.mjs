// How `changeset version` writes the changelogs: the text of each changeset. All packages share one version, so that entries which only
// say that another package of this repository has a new one say nothing.

/** The entry of one changeset. @param {{ readonly summary: string }} changeset */
export async function getReleaseLine({ summary }) {
  const [first, ...more] = summary.trim().split('\n');
  return [`- ${first}`, ...more.map((line) => (line.trim() === '' ? '' : `  ${line.trim()}`))].join('\n');
}

/** The entry of a package whose dependencies have new versions. */
export const getDependencyReleaseLine = async () => '';
