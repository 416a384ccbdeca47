declare module '*/writing-a-provider.md' {
  export const contract: import('../../src/index.ts').ProviderContract;
}
