// What the examples share is TypeScript that nobody has built.
export default { transpilePackages: ['@chat-transport/example-support'] };
