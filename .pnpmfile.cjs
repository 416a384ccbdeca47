/**
 * The dependencies that the types and the JavaScript of Expo and React Native need. The example for React Native is type-checked and
 * tested here, and bundled where somebody copies it: the tools for that are some 300 packages, and would change what Vite and Next.js
 * resolve to in the other packages.
 */
const needed = {
  expo: ['@ungap/structured-clone', 'expo-modules-core', 'whatwg-url-minimum'],
  'expo-constants': [],
  'expo-file-system': [],
  'expo-modules-core': [],
  'react-native': ['@react-native/virtualized-lists'],
};

module.exports = {
  hooks: {
    readPackage(manifest) {
      const names = needed[manifest.name];
      if (!names) return manifest;
      const dependencies = Object.entries(manifest.dependencies ?? {}).filter(([name]) => names.includes(name));
      return { ...manifest, dependencies: Object.fromEntries(dependencies), optionalDependencies: {} };
    },
  },
};
