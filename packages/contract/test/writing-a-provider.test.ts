// The page is the test: its provider is written in it, and its last code block runs the suite.
import '../../../docs/writing-a-provider.md';
