export { defaultSchema, schemaSql, schemaVersion } from './schema.ts';
