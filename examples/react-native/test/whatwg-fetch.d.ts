declare module 'whatwg-fetch' {
  export const { Headers, Request, Response }: typeof globalThis;
}
