/** What an example started: its address, what a person should know, and how it ends. */
export interface LocalExample {
  readonly url: string;
  readonly note?: string;
  close(): Promise<unknown>;
}

/** Starts an example on PORT (3000), prints its address, and ends it with Ctrl-C. */
export async function runLocally(start: (port: number) => Promise<LocalExample>): Promise<void> {
  const { url, note, close } = await start(Number(process.env.PORT ?? 3000));
  console.log(note ? `${url}  (${note})` : url);
  const end = async (): Promise<void> => {
    await close();
    process.exit();
  };
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
}
