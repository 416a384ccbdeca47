// The globals that Expo and React Native bring to an app, made of their own files. They are there before any module of the chat is loaded.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import 'expo/virtual/streams.js';
import { fetch } from 'expo/fetch';
import { Headers, Request, Response } from 'whatwg-fetch';

const ofExpo = createRequire(createRequire(import.meta.url).resolve('expo/package.json'));
const folder = dirname(ofExpo.resolve('expo/package.json'));
const { TextDecoderStream } = await import(join(folder, 'build/winter/TextDecoderStream.js'));
const { URL, URLSearchParams } = ofExpo('whatwg-url-minimum');
const { default: structuredClone } = ofExpo('@ungap/structured-clone');
Object.assign(globalThis, {
  Headers,
  Request,
  Response,
  TextDecoderStream,
  URL,
  URLSearchParams,
  structuredClone,
  fetch,
});
