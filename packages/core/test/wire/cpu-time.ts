/** The processor time that some work takes, in milliseconds: the least of three runs, so that neighbours do not matter. */
export async function cpuMs(work: () => unknown): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < 3; round++) {
    const begin = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(begin);
    times.push((user + system) / 1000);
  }
  return Math.min(...times);
}
