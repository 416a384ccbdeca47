/** Next.js calls this once as its server starts. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME === 'nodejs') {
    const { chatHandler } = await import('./lib/chat-server.ts');
    await chatHandler();
  }
}
